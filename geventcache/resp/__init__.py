"""The wire: requests read from bytes, values written to bytes. No sockets, no commands."""
