"""Key specifications: where the keys stand among a command's arguments.

A specification has a beginning (a fixed index, the argument after a keyword, or unknown) and a way on (a range up to a
last key in steps, a count that an argument gives, or unknown). COMMAND INFO shows them, COMMAND GETKEYS, access control
and cluster slots follow them.

Specification: https://valkey.io/topics/key-specs/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KeySpec:
    """One specification.

    Attributes:
        flags: what the command does to these keys, in the wire's words: ``("RW", "access", "update")``.
        begin: ``("index", 1)``, ``("keyword", "STREAMS", 1)`` or ``("unknown",)``.
        find: ``("range", last, step, limit)``, ``("keynum", index, first, step)`` or ``("unknown",)``.
        notes: a remark for people.
    """

    flags: tuple[str, ...]
    begin: tuple[Any, ...]
    find: tuple[Any, ...]
    notes: str = ""

    def positions(self, args: list[bytes]) -> Iterator[int]:
        """Indexes of the keys in `args`, whose first item is the command's name.

        Raises:
            ValueError: the arguments do not fit, or nobody can tell.
        """
        first = self.first(args)
        if first is None:
            return
        if self.find[0] == "range":
            yield from self.in_range(first, len(args))
        elif self.find[0] == "keynum":
            yield from self.counted(first, args)
        else:
            raise ValueError("keys unknown")

    def is_absent(self, args: list[bytes]) -> bool:
        """Are there no arguments where these keys would be, which are optional then?"""
        return self.begin[0] == "index" and int(self.begin[1]) >= len(args)

    def first(self, args: list[bytes]) -> int | None:
        """Where this specification begins, None when its keyword is absent."""
        if self.begin[0] == "index":
            return int(self.begin[1])
        if self.begin[0] != "keyword":
            raise ValueError("keys unknown")
        keyword, start = self.begin[1].encode(), self.begin[2]
        order = range(start, len(args)) if start > 0 else range(len(args) + start, 0, -1)
        for i in order:
            if args[i].upper() == keyword:
                return i + 1
        return None

    def in_range(self, first: int, end: int) -> Iterator[int]:
        """A key at `first` and at every step up to the last."""
        _, last, step, limit = self.find
        stop = first + last if last >= 0 else end + last
        if last == -1 and limit > 1:
            stop = first + (end - first) // limit - 1
        if first >= end or stop >= end:
            raise ValueError("too few arguments")
        yield from range(first, stop + 1, step)

    def counted(self, first: int, args: list[bytes]) -> Iterator[int]:
        """As many keys as an argument says."""
        _, index, offset, step = self.find
        if first + index >= len(args) or not args[first + index].isdigit():
            raise ValueError("no key count")
        count = int(args[first + index])
        if not count:
            raise ValueError("no keys")
        start = first + offset
        if start + (count - 1) * step >= len(args):
            raise ValueError("too few arguments")
        yield from range(start, start + count * step, step)


def at(index: int, flags: str, last: int = 0, step: int = 1, limit: int = 0, notes: str = "") -> KeySpec:
    """A key at a fixed index, and others up to `last` (relative to it; negative: from the end)."""
    return KeySpec(tuple(flags.split()), ("index", index), ("range", last, step, limit), notes)


def counted_at(index: int, flags: str, offset: int = 1, step: int = 1, notes: str = "") -> KeySpec:
    """Keys whose number stands at a fixed index."""
    return KeySpec(tuple(flags.split()), ("index", index), ("keynum", 0, offset, step), notes)


def after(
    keyword: str, start: int, flags: str, last: int = 0, step: int = 1, limit: int = 0, notes: str = ""
) -> KeySpec:
    """Keys that follow a keyword, which is searched from `start` on."""
    return KeySpec(tuple(flags.split()), ("keyword", keyword, start), ("range", last, step, limit), notes)


def unknown(flags: str, notes: str = "") -> KeySpec:
    """Keys that no rule can find."""
    return KeySpec(tuple(flags.split()), ("unknown",), ("unknown",), notes)
