"""Lua scripts and functions: what is known of them, and the Lua runtime that runs them."""
