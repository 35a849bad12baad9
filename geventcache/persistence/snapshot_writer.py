# cython: boundscheck=False, wraparound=False
"""Writes a snapshot: a header, the libraries of functions, keys with their values and deadlines, a checksum.

It is of one instant, though it is written in slices between which commands run: the tables are watched
(base/table.py), and what is to be changed is written before it changes. So keys come in any order, and each once. A
large value comes when its turn is, and is watched itself until then (frozen.py).

What writing a key takes besides is what has been written and waits to be taken away: at most what was changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, NamedTuple

import cython

from geventcache.base.table import BYTES, END, OBJECT, PACKED, Table, Watcher
from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds
from geventcache.persistence.checksum import crc64
from geventcache.persistence.frozen import freeze, is_large
from geventcache.persistence.output import Output
from geventcache.persistence.value_writer import kind_of, write_value
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types.hashes import Hash

BLOCK_BYTES = 256 << 10  # to be copied, summed up and sent in half a millisecond
PAUSE = b""
# Work between two pauses: a unit takes about half a microsecond.
WORK = 500
UNIT_BYTES = 64
NO_DATABASE = -1
OnDeadlines = Callable[[Table, bytes, Hash], None]
DEADLINE = Struct("<q")
CHECKSUM = Struct("<Q")
NEVER = NEVER_MS


class Header(NamedTuple):
    """What a snapshot begins with.

    Attributes:
        has_field_deadlines: some hash has fields with deadlines, which only Valkey 9 and later read.
        facts: names and values for people and for other servers.
        functions: the codes of libraries.
    """

    has_field_deadlines: bool
    facts: dict[bytes, bytes]
    functions: list[bytes]


class Large:
    """A large value that has not been written yet; None where it could not be frozen."""

    def __init__(self, database: int, key: bytes, deadline_ms: int) -> None:
        self.database = database
        self.key = key
        self.deadline_ms = deadline_ms
        self.value: Any = None


class Records:
    """The records of all databases, those that change before their turn as well.

    Attributes:
        out: what has been written of them and not yet been taken away.
        selected: the database whose records come in it now.
        large: values that are still to be written.
        done: how many records there have been.
        on_deadlines: if not None, fields are written without their deadlines, which it is told instead: with the table,
            the key and the hash, when all of them are as at the instant.
        error: what kept one from being written: the snapshot is worth nothing then.
    """

    def __init__(self, compresses: cython.bint) -> None:
        self.out = Output(compresses)
        self.selected = NO_DATABASE
        self.sizes: dict[int, tuple[int, int]] = {}
        self.large: deque[Large] = deque()
        self.done = 0
        self.on_deadlines: OnDeadlines | None = None
        self.error: BaseException | None = None

    def take_pieces(self) -> list[bytes]:
        """What has been written; the next records may come behind whatever is put between."""
        self.selected = NO_DATABASE
        return self.out.take_pieces()

    def select(self, out: Output, index: cython.Py_ssize_t) -> None:
        """Say which database the next records are in, and for once how many it has."""
        out.byte(kinds.DATABASE)
        out.length(index)
        sizes = self.sizes.pop(index, None)
        if sizes is not None:
            out.byte(kinds.SIZES)
            out.length(sizes[0])
            out.length(sizes[1])


class RecordWriter(Watcher):
    """Writes the records of one database."""

    def __init__(self, records: Records, keyspace: Keyspace) -> None:
        self.records = records
        self.index = keyspace.index
        self.table = keyspace.table
        self.keyspace = keyspace
        self.table.watch(self)

    def take(self, key, kind, value, deadline_ms):  # type: ignore[no-untyped-def]
        """Write a record, or note a large one; return how much work that was."""
        records: Records = self.records
        if records.error is not None:
            return 1
        start: cython.Py_ssize_t = records.out.size
        try:
            self.write(key, kind, value, deadline_ms)
        except BaseException as error:  # a command must not fail because somebody saves
            records.error = error
        records.done += 1
        if len(records.out.data) >= BLOCK_BYTES:
            records.out.cut()
        return 1 + (records.out.size - start) // UNIT_BYTES

    def write(self, key: bytes, kind: cython.int, value: Any, deadline_ms: cython.longlong) -> None:
        """Write a record, or note a large one."""
        records: Records = self.records
        out: Output = records.out
        on_deadlines = records.on_deadlines
        is_plain: cython.bint = on_deadlines is not None
        if kind >= PACKED:
            value = self.keyspace.unpack(value, kind)
        elif kind == OBJECT:
            if on_deadlines is not None and isinstance(value, Hash) and value.deadlines is not None:
                on_deadlines(self.table, key, value)
            if is_large(value):
                large = Large(self.index, key, deadline_ms)
                records.large.append(large)  # it has a place before it is frozen: somebody will drop it
                large.value = freeze(value, out.compresses, is_plain, self.keyspace.changes.held)
                return
        if records.selected != self.index:
            records.selected = self.index
            records.select(out, self.index)
        write_deadline(out, deadline_ms)
        if kind == BYTES:
            out.byte(kinds.STRING)
            out.string(key)
            out.string(value)
        elif kind < OBJECT:
            out.byte(kinds.STRING)
            out.string(key)
            out.string(as_string(value))
        else:
            out.byte(kind_of(value, is_plain))
            out.string(key)
            write_value(out, value, is_plain)

    def drop(self) -> None:
        """No more is asked of it."""
        if self.table.watcher is self:
            self.table.unwatch()


def write_deadline(out: Output, deadline_ms: cython.longlong) -> None:
    """Write what stands before a record with a deadline."""
    if deadline_ms != NEVER:
        out.byte(kinds.DEADLINE_MS)
        out.raw(DEADLINE.pack(deadline_ms))


class SnapshotWriter:
    """Writes what some databases hold at the moment when it is made.

    It ends with `end`, whatever happens: until then, changes take the longer for it.

    Attributes:
        most_held: how many bytes have at most been written and not yet been taken away.
    """

    def __init__(
        self,
        header: Header,
        keyspaces: list[Keyspace],
        compresses: bool = True,
        has_checksum: bool = True,
        on_deadlines: OnDeadlines | None = None,
    ) -> None:
        self.has_checksum = has_checksum
        self.crc = 0
        self.most_held = 0
        self.records = Records(compresses)
        self.records.on_deadlines = on_deadlines
        self.records.sizes = {keyspace.index: (len(keyspace), keyspace.volatile) for keyspace in keyspaces}
        self.total = sum(map(len, keyspaces))
        self.head = Output(compresses)
        write_header(self.head, header)
        self.writers = [RecordWriter(self.records, keyspace) for keyspace in keyspaces if len(keyspace)]

    def end(self) -> None:
        """Watch no more."""
        for writer in self.writers:
            writer.drop()
        for large in self.records.large:
            if large.value is not None:
                large.value.drop()
        self.records.large.clear()

    def blocks(self) -> Iterator[bytes | memoryview]:
        """All of it, in blocks to be written; some are empty: places to pause.

        Raises:
            Exception: a record could not be written.
        """
        yield from self.counted(self.head.take_pieces())
        for writer in self.writers:
            position = 0
            while position < END:
                position = writer.table.walk(position, WORK)
                yield from self.full_blocks()
            writer.drop()
            yield from self.large_blocks()
        yield from self.large_blocks()
        yield from self.counted(self.records.take_pieces())
        self.head.byte(kinds.END)
        last = self.head.take()
        yield last + CHECKSUM.pack(crc64(last, self.crc) if self.has_checksum else 0)

    def full_blocks(self) -> Iterator[bytes | memoryview]:
        """What has been written of records, once it is enough for a block, and a place to pause."""
        if self.records.error is not None:
            raise self.records.error
        self.most_held = max(self.most_held, self.records.out.size)
        if self.records.out.size >= BLOCK_BYTES:
            yield from self.counted(self.records.take_pieces())
        yield PAUSE

    def large_blocks(self) -> Iterator[bytes | memoryview]:
        """The large values that are known so far."""
        out = Output(self.records.out.compresses)
        while self.records.large:
            yield from self.counted(self.records.take_pieces())
            large = self.records.large[0]
            self.records.select(out, large.database)
            write_deadline(out, large.deadline_ms)
            out.byte(large.value.kind)
            out.string(large.key)
            for _ in large.value.slices(out):
                self.most_held = max(self.most_held, self.records.out.size + out.size)
                if out.size >= BLOCK_BYTES:
                    yield from self.counted(out.take_pieces())
                yield PAUSE
            yield from self.counted(out.take_pieces())
            self.records.large.popleft()

    def counted(self, pieces: list[bytes]) -> Iterator[bytes | memoryview]:
        """Pieces, none much larger than a block, counted into the checksum."""
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(piece), BLOCK_BYTES):
                block = view[start : start + BLOCK_BYTES] if len(piece) > BLOCK_BYTES else piece
                if self.has_checksum:
                    self.crc = crc64(block, self.crc)
                yield block


def write_header(out: Output, header: Header) -> None:
    """Write all that comes before the keys."""
    out.raw(b"VALKEY080" if header.has_field_deadlines else b"REDIS0010")
    for name, value in header.facts.items():
        out.byte(kinds.FACT)
        out.string(name)
        out.string(value)
    for code in header.functions:
        out.byte(kinds.FUNCTION)
        out.string(code)
