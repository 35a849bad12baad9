"""What a script returns, as the reply writer takes it.

It comes as a flat list of tokens, since reading a table item by item from outside costs ten times as much. A token is a
value itself, or True, which announces a kind and its facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.resp.values import BigNumber, Distinct, Simple, Verbatim

INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1
ARRAY, STATUS, ERROR, DOUBLE, MAP, SET, BIG_NUMBER, VERBATIM, BOOLEAN = range(1, 10)


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
