"""Databases of keys: look-up, types, deadlines, changes. No clients, no commands, no event loop."""
