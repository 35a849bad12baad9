"""Values between commands and scripts.

A command's reply becomes what a script sees in RESP2 or RESP3 (`as_lua2`, `as_lua3`: plain bytes, numbers, booleans,
lists and dicts, which the runtime makes tables of). What a script returns comes as a flat list of tokens (`Tokens`),
since reading a table item by item from outside costs ten times as much. A token is a value itself, or True, which
announces a kind and its facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.base.numbers import format_float
from geventcache.resp.values import (
    BigNumber,
    Distinct,
    Double,
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


def as_lua2(value: Any) -> Any:
    """A command's value as a script sees it that speaks RESP2: null is false, a map a flat list."""
    return TO_LUA2[type(value)](value)


def as_lua3(value: Any) -> Any:
    """A command's value as a script that speaks RESP3 sees it: null is nil; doubles, maps, sets are named as such."""
    return TO_LUA3[type(value)](value)


def same(value: Any) -> Any:
    """What Lua has itself."""
    return value


def list2(values: Any) -> list[Any]:
    """An array in RESP2; most items are strings."""
    return [item if type(item) is bytes else as_lua2(item) for item in values]


def flat2(pairs: Any) -> list[Any]:
    """Pairs, one after the other."""
    return [as_lua2(item) for pair in pairs for item in pair]


def list3(values: Any) -> list[Any]:
    """An array in RESP3."""
    return [as_lua3(item) for item in values]


def map3(pairs: Any) -> dict[bytes, Any]:
    """A map in RESP3."""
    return {b"map": {key_of(key): as_lua3(item) for key, item in pairs}}


def set3(values: Any) -> dict[bytes, Any]:
    """A set in RESP3."""
    return {b"set": {key_of(item): True for item in values}}


def key_of(value: Any) -> Any:
    """A key of a table: what is no number is the string that it shows."""
    return bytes(value) if isinstance(value, bytes) else value


def double3(value: Any) -> dict[bytes, float]:
    """A floating-point number in RESP3."""
    return {b"double": float(value)}


def status(value: Simple) -> dict[bytes, bytes]:
    """A simple string."""
    return {b"ok": bytes(value)}


def error(value: CommandError) -> dict[bytes, bytes]:
    """An error within a reply."""
    return {b"err": value.text}


def false(value: Any) -> bool:
    """A null in RESP2."""
    return False


def nil(value: Any) -> None:
    """A null in RESP3."""


def verbatim3(value: Verbatim) -> dict[bytes, Any]:
    """Text in RESP3."""
    return {b"verbatim_string": {b"string": bytes(value), b"format": b"txt"}}


def big_number3(value: BigNumber) -> dict[bytes, bytes]:
    """An integer of any size in RESP3."""
    return {b"big_number": bytes(value)}


TO_LUA2: dict[type, Callable[[Any], Any]] = {
    bytes: same,
    int: same,
    type(None): false,
    NullArray: false,
    bool: int,
    float: format_float,
    bytearray: bytes,
    Verbatim: bytes,
    BigNumber: bytes,
    Double: bytes,
    Simple: status,
    CommandError: error,
    dict: lambda value: flat2(value.items()),
    Pairs: flat2,
    **dict.fromkeys((list, tuple, set, frozenset, Distinct, PairedMap, Push, Many), list2),
}
TO_LUA3: dict[type, Callable[[Any], Any]] = {
    bytes: same,
    int: same,
    bool: same,
    type(None): nil,
    NullArray: nil,
    float: double3,
    bytearray: bytes,
    Verbatim: verbatim3,
    BigNumber: big_number3,
    Double: double3,
    Simple: status,
    CommandError: error,
    dict: lambda value: map3(value.items()),
    PairedMap: map3,
    **dict.fromkeys((set, frozenset, Distinct), set3),
    **dict.fromkeys((list, tuple, Pairs, Push, Many), list3),
}


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

    def set(self) -> Distinct:
        """A set: its length, its items."""
        return Distinct(self.array())

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
    return value
