"""Sameness with the reference server: both get the same scripts, and every reply has to be the same.

Modules from the wire upwards: `wire` (replies and their types), `match` (what counts as the same), `servers`
(processes), `client` (one connection), `pair` (the same connection to both servers), `steps`, `strategies` and
`machine` (random scripts).
"""
