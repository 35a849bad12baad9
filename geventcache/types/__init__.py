"""Containers of elements: what a key's value can be. They know no keys, no clients, no protocol and no clock."""
