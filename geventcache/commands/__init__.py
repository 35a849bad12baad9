"""The commands: one module a group of COMMAND DOCS, each a list of declarations with plain functions under them.

A function takes the calling Client and the request's arguments as bytes, and returns a value for the reply writer. It
parses all, opens keys, acts, and returns; it never sees a socket, a clock, a dict of keys or a reply's bytes.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules


@cache
def load_commands() -> None:
    """Import every module of commands, which declares them."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
