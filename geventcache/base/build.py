"""Which build this is: compiled by Cython, or plain Python."""

from __future__ import annotations

from types import FunctionType

from geventcache.base.numbers import parse_integer

# A build is compiled as a whole or not at all, so that one function tells.
IS_COMPILED = not isinstance(parse_integer, FunctionType)
