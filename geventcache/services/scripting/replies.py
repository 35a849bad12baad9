"""Values between commands and scripts.

A command's reply becomes what a script sees in RESP2 or RESP3 (`as_lua2`, `as_lua3`: plain bytes, numbers, booleans,
lists and dicts, which the runtime makes tables of). What a script returns comes as a flat list of tokens (`Tokens`),
since reading a table item by item from outside costs ten times as much. A token is a value itself, or True, which
announces a kind and its facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.base.numbers import format_float
from geventcache.resp.values import (
    BigNumber,
    Many,
    NullArray,
    PairedMap,
    Pairs,
    Push,
    Simple,
    Verbatim,
)

INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1
ARRAY, STATUS, ERROR, DOUBLE, MAP, SET, BIG_NUMBER, VERBATIM, BOOLEAN = range(1, 10)
LISTS = (list, tuple, Push, Many)


def as_lua2(value: Any) -> Any:
    """A command's value as a script sees it that speaks RESP2: null is false, a map a flat list."""
    kind = type(value)
    if kind is bytes or kind is int:
        return value
    if kind in LISTS:
        return [item if type(item) is bytes else as_lua2(item) for item in value]
    if value is None or kind is NullArray:
        return False
    if kind is dict:
        return [as_lua2(item) for pair in value.items() for item in pair]
    if kind is set or kind is frozenset:
        return [as_lua2(item) for item in value]
    if kind is float:
        return format_float(value)
    if kind is bool:
        return int(value)
    if kind is Pairs:
        return [as_lua2(item) for pair in value for item in pair]
    if kind is PairedMap:
        return [[as_lua2(item) for item in pair] for pair in value.items()]
    return as_lua(value)


def as_lua3(value: Any) -> Any:
    """A command's value as a script sees it that speaks RESP3: null is nil, doubles, maps and sets are named as such."""
    kind = type(value)
    if kind is bytes or kind is int or kind is bool or value is None:
        return value
    if kind in LISTS:
        return [as_lua3(item) for item in value]
    if kind is NullArray:
        return None
    if kind is dict or kind is PairedMap:
        return {b"map": {as_lua3(key): as_lua3(item) for key, item in value.items()}}
    if kind is set or kind is frozenset:
        return {b"set": {as_lua3(item): True for item in value}}
    if kind is float:
        return {b"double": value}
    if kind is Pairs:
        return [[as_lua3(item) for item in pair] for pair in value]
    if kind is Verbatim:
        return {b"verbatim_string": {b"string": bytes(value), b"format": b"txt"}}
    if kind is BigNumber:
        return {b"big_number": bytes(value)}
    return as_lua(value)


def as_lua(value: Any) -> Any:
    """What looks the same in both protocols."""
    if type(value) is Simple:
        return {b"ok": bytes(value)}
    if type(value) is CommandError:
        return {b"err": value.text}
    return bytes(value)


def size_of(value: Any) -> int:
    """About how many bytes a value of `as_lua2` or `as_lua3` takes in Lua."""
    if type(value) is bytes:
        return 40 + len(value)
    if type(value) is list:
        return 60 + sum(map(size_of, value))
    if type(value) is dict:
        return 100 + sum(size_of(key) + size_of(item) for key, item in value.items())
    return 20


def integer_of(number: float) -> int:
    """A number of Lua as the integer of a reply: without its fraction; what has no 64 bits is the least integer."""
    if type(number) is int:
        return number if INT64_MIN <= number <= INT64_MAX else INT64_MIN
    if INT64_MIN <= number <= INT64_MAX:
        return integer_of(int(number))
    return INT64_MIN


class Tokens:
    """What a script returned."""

    def __init__(self, tokens: Iterator[Any]) -> None:
        self.tokens = tokens

    def read(self) -> Any:
        """The next value, as the reply writer takes it."""
        token = next(self.tokens)
        kind = type(token)
        if kind is bytes:
            return token
        if kind is int or kind is float:
            return integer_of(token)
        if token is not True:
            return None
        return READERS[next(self.tokens)](self)

    def array(self) -> list[Any]:
        """An array: its length, its items."""
        return [self.read() for _ in range(next(self.tokens))]

    def status(self) -> Simple:
        """A simple string."""
        return Simple(printable(next(self.tokens)))

    def error(self) -> CommandError:
        """An error."""
        return CommandError(printable(next(self.tokens)))

    def double(self) -> float:
        """A floating-point number."""
        return float(next(self.tokens))

    def map(self) -> dict[Any, Any]:
        """A map: its length, its keys each with its value."""
        return {hashable(self.read()): self.read() for _ in range(next(self.tokens))}

    def set(self) -> set[Any]:
        """A set: its length, its items."""
        return {hashable(self.read()) for _ in range(next(self.tokens))}

    def big_number(self) -> BigNumber:
        """An integer of any size."""
        return BigNumber(printable(next(self.tokens)))

    def verbatim(self) -> Verbatim:
        """Text: its format, which is always told as txt, and itself."""
        next(self.tokens)
        return Verbatim(next(self.tokens))

    def boolean(self) -> bool:
        """A boolean of RESP3."""
        return bool(next(self.tokens))


READERS = {
    ARRAY: Tokens.array,
    STATUS: Tokens.status,
    ERROR: Tokens.error,
    DOUBLE: Tokens.double,
    MAP: Tokens.map,
    SET: Tokens.set,
    BIG_NUMBER: Tokens.big_number,
    VERBATIM: Tokens.verbatim,
    BOOLEAN: Tokens.boolean,
}


def hashable(value: Any) -> Any:
    """A value that may be a key: an array as a tuple, a map as a tuple of pairs."""
    if isinstance(value, list):
        return tuple(map(hashable, value))
    if isinstance(value, dict):
        return tuple((hashable(key), hashable(item)) for key, item in value.items())
    if isinstance(value, set):
        return frozenset(value)
    return value
