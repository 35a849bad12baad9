"""Databases of keys: lookup, types, deadlines, changes. No clients, no commands, no event loop."""
