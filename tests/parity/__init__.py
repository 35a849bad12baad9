"""Sameness with the reference server: both get the same scripts, and every reply has to be the same.

Modules on top of `tests.support`: `match` (what counts as the same), `pair` (the same connection to both servers),
`steps`, `strategies` and `machine` (random scripts).
"""
