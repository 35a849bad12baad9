# cython: boundscheck=False, wraparound=False
"""Large values as they were at one instant, written in slices while commands change them.

What stands on a Table is watched: what is to be changed is written before, and the rest when its turn comes. Lists and
streams have nodes that can be held: who changes one makes a copy before. Of a string that is changed in place, the
piece that is to be changed is copied before. Of all else a copy is made.
"""

from collections.abc import Iterator
from typing import Any

import cython

from geventcache.base.table import END, Table, Watcher
from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds
from geventcache.persistence.output import Output
from geventcache.persistence.streams import StreamImage
from geventcache.persistence.value_writer import (
    DEADLINE,
    DOUBLE,
    NO_DEADLINE,
    element_slices,
    elements_of,
    kind_of,
    value_slices,
)
from geventcache.types.container import Container
from geventcache.types.lists import List
from geventcache.types.streams import Stream

NEVER = NEVER_MS
# A container of more elements or bytes is written in slices.
MOST_ELEMENTS = 512
MOST_BYTES = 64 << 10
# Work between two pauses: a unit takes about half a microsecond.
WORK = 500
UNIT_BYTES = 64
PIECE = STRING_PIECE = 256 << 10
# Few members of a sorted set are copied, and written in the order with which readers are quickest.
FEW_MEMBERS = 4096


def is_large(value: Any) -> bool:
    """Would it take too long to write a value at once? Of bytes it does not, since they are not copied."""
    if not isinstance(value, Container):
        return isinstance(value, bytearray) and len(value) > STRING_PIECE
    if len(value) > MOST_ELEMENTS:
        return True
    # A single element cannot be cut; a stream's pending entries are none of its elements.
    return (len(value) > 1 or isinstance(value, Stream)) and value.memory_usage() > MOST_BYTES


def freeze(
    value: Any, compresses: bool, is_plain: bool, held: dict[int, Any]
) -> "FrozenTable | FrozenElements | FrozenList | FrozenBuffer | StreamImage":
    """A large value as it is now; a plain hash without the deadlines of its fields. `held` is that of `Changes`."""
    if isinstance(value, bytearray):
        return FrozenBuffer(value, held)
    if isinstance(value, Stream):
        return StreamImage(value, is_watched=True)
    if isinstance(value, List):
        return FrozenList(value)
    kind = kind_of(value, is_plain)
    table = value.elements_table()
    if table is None or (kind == kinds.ZSET and len(value) <= FEW_MEMBERS):
        return FrozenElements(kind, elements_of(value, is_plain))
    return FrozenTable(kind, value, table, compresses)


class FrozenElements:
    """A copy of the elements of a container."""

    def __init__(self, kind: int, elements: list[Any]) -> None:
        self.kind = kind
        self.elements = elements

    def slices(self, out: Output) -> Iterator[None]:
        """Write the value, without its type, with pauses."""
        return element_slices(out, self.kind, self.elements)

    def drop(self) -> None:
        """No more is asked of it."""


class FrozenList:
    """A copy of a list, which has its nodes in common with it."""

    kind = kinds.LIST

    def __init__(self, value: List) -> None:
        self.value = value.copy()

    def slices(self, out: Output) -> Iterator[None]:
        """Write the value, without its type, with pauses."""
        return value_slices(out, self.value)

    def drop(self) -> None:
        """No more is asked of it."""


class FrozenBuffer:
    """A string that may be changed in place. It never gets shorter."""

    kind = kinds.STRING

    def __init__(self, value: bytearray, held: dict[int, Any]) -> None:
        self.value = value
        self.size = len(value)
        self.held = held
        self.written = 0
        self.spared: dict[int, bytes] = {}
        held[id(value)] = self

    def spare(self, start: int, stop: int) -> None:
        """These bytes are about to be changed: keep them as they are, as far as they are not written yet."""
        first = max(start // STRING_PIECE * STRING_PIECE, self.written)
        for at in range(first, min(stop, self.size), STRING_PIECE):
            if at not in self.spared:
                self.spared[at] = self.piece(at)

    def piece(self, at: int) -> bytes:
        """What stands from there on now."""
        return bytes(memoryview(self.value)[at : min(at + STRING_PIECE, self.size)])

    def slices(self, out: Output) -> Iterator[None]:
        """Write the value, without its type, with pauses."""
        out.length(self.size)
        while self.written < self.size:
            out.put(self.spared.pop(self.written, b"") or self.piece(self.written))
            self.written += STRING_PIECE
            yield
        self.drop()

    def drop(self) -> None:
        """No more is asked of it."""
        self.held.pop(id(self.value), None)


class FrozenTable(Watcher):
    """The elements of a hash, a set or a sorted set that stand on a Table, which may change."""

    def __init__(self, kind: cython.int, value: Any, table: Table, compresses: cython.bint) -> None:
        self.kind = kind
        self.count = len(value)
        self.table = table
        self.has_deadlines = kind == kinds.HASH_DEADLINES
        self.out = Output(compresses)
        self.error: BaseException | None = None
        table.watch(self)

    def take(self, key, kind, value, deadline_ms):  # type: ignore[no-untyped-def]
        """Write an element; return how much work that was."""
        out: Output = self.out
        start: cython.Py_ssize_t = out.size
        try:
            self.write(key, value, deadline_ms)
        except BaseException as error:  # a command must not fail because somebody saves
            self.error = error
        if len(out.data) >= PIECE:
            out.cut()
        return 1 + (out.size - start) // UNIT_BYTES

    def write(self, key: bytes, value: Any, deadline_ms: cython.longlong) -> None:
        """Write an element."""
        out: Output = self.out
        out.string(key)
        if self.kind == kinds.ZSET:
            out.raw(DOUBLE.pack(value))
        elif self.kind != kinds.SET:
            out.string(value)
            if self.has_deadlines:
                out.raw(DEADLINE.pack(NO_DEADLINE if deadline_ms == NEVER else deadline_ms))

    def slices(self, out: Output) -> Iterator[None]:
        """Write the value, without its type, with pauses."""
        position = 0
        out.length(self.count)
        while position < END:
            position = self.table.walk(position, WORK)
            if self.error is not None:
                raise self.error
            out.move(self.out)
            yield
        self.drop()

    def drop(self) -> None:
        """No more is asked of it."""
        if self.table.watcher is self:
            self.table.unwatch()
