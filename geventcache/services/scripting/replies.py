"""Values between commands and scripts.

Between both stand flat lists of tokens, since reading or making a table item by item from outside costs ten times as
much. A token is a value itself, or True, which announces a kind and its facts: `tokens_of` makes those of a command's
reply as a script sees it in RESP2 or RESP3, `Tokens` reads those of what a script returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.base.numbers import format_float
from geventcache.resp.values import (
    Attributed,
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
ARRAY, STATUS, ERROR, DOUBLE, MAP, SET, BIG_NUMBER, VERBATIM, BOOLEAN, NULL = range(1, 11)


def tokens_of(value: Any, is_resp3: bool) -> list[Any]:
    """A command's value: in RESP2 null is false, a map a flat list; in RESP3 doubles, maps, sets are named as such."""
    out: list[Any] = []
    writers = TO_LUA3 if is_resp3 else TO_LUA2
    writers[type(value)](out, value)
    return [None] if out == [True, NULL] else out


def put(out: list[Any], value: Any) -> None:
    """What Lua has itself."""
    out.append(value)


def put_integer(out: list[Any], value: int) -> None:
    """An integer, as a float if it is too large."""
    out.append(value if INT64_MIN <= value <= INT64_MAX else float(value))


def list2(out: list[Any], values: Any) -> None:
    """An array in RESP2; most items are strings."""
    out += (True, ARRAY, len(values))
    append = out.append
    for item in values:
        if type(item) is bytes:
            append(item)
        else:
            TO_LUA2[type(item)](out, item)


def flat2(out: list[Any], pairs: Any) -> None:
    """Pairs, one after the other."""
    list2(out, [item for pair in pairs for item in pair])


def list3(out: list[Any], values: Any) -> None:
    """An array in RESP3."""
    out += (True, ARRAY, len(values))
    for item in values:
        TO_LUA3[type(item)](out, item)


def map3(out: list[Any], pairs: Any) -> None:
    """A map in RESP3."""
    out += (True, MAP, len(pairs))
    for key, item in pairs:
        put_key(out, key)
        TO_LUA3[type(item)](out, item)


def set3(out: list[Any], values: Any) -> None:
    """A set in RESP3."""
    out += (True, SET, len(values))
    for item in values:
        put_key(out, item)


def put_key(out: list[Any], value: Any) -> None:
    """A key of a table: what is no number is the string that it shows."""
    out.append(bytes(value) if isinstance(value, (bytes, bytearray)) else float(value))


def double3(out: list[Any], value: Any) -> None:
    """A floating-point number in RESP3."""
    out += (True, DOUBLE, float(value))


def status(out: list[Any], value: Simple) -> None:
    """A simple string."""
    out += (True, STATUS, bytes(value))


def error(out: list[Any], value: CommandError) -> None:
    """An error within a reply."""
    out += (True, ERROR, value.text)


def false(out: list[Any], value: Any) -> None:
    """A null in RESP2."""
    out.append(False)


def null(out: list[Any], value: Any) -> None:
    """A null in RESP3."""
    out += (True, NULL)


def boolean3(out: list[Any], value: bool) -> None:
    """A boolean in RESP3."""
    out += (True, BOOLEAN, int(value))


def verbatim3(out: list[Any], value: Verbatim) -> None:
    """Text in RESP3."""
    out += (True, VERBATIM, bytes(value))


def big_number3(out: list[Any], value: BigNumber) -> None:
    """An integer of any size in RESP3."""
    out += (True, BIG_NUMBER, bytes(value))


def text(out: list[Any], value: Any) -> None:
    """Text of any kind as a string."""
    out.append(bytes(value))


Writer = Callable[[list[Any], Any], None]
TO_LUA2: dict[type, Writer] = {
    bytes: put,
    int: put_integer,
    type(None): false,
    NullArray: false,
    bool: lambda out, value: out.append(int(value)),
    float: lambda out, value: out.append(format_float(value)),
    **dict.fromkeys((bytearray, Verbatim, BigNumber, Double), text),
    Simple: status,
    CommandError: error,
    dict: lambda out, value: flat2(out, value.items()),
    Pairs: flat2,
    **dict.fromkeys((list, tuple, set, frozenset, Distinct, PairedMap, Push, Many), list2),
    Attributed: lambda out, value: TO_LUA2[type(value.value)](out, value.value),
}
TO_LUA3: dict[type, Writer] = {
    bytes: put,
    int: put_integer,
    bool: boolean3,
    type(None): null,
    NullArray: null,
    float: double3,
    bytearray: text,
    Verbatim: verbatim3,
    BigNumber: big_number3,
    Double: double3,
    Simple: status,
    CommandError: error,
    dict: lambda out, value: map3(out, value.items()),
    PairedMap: map3,
    **dict.fromkeys((set, frozenset, Distinct), set3),
    **dict.fromkeys((list, tuple, Pairs, Push, Many), list3),
    Attributed: lambda out, value: TO_LUA3[type(value.value)](out, value.value),
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
