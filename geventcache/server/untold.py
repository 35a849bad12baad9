"""Deadlines of fields that go into the stream, since the file that replicas get does not have them.

The rules:

- A hash is noted when it goes into the file, as it was at the file's instant, and told of soon after, in slices. What a
  slice tells holds at its place in the stream, so the order does not matter; and what has got a deadline since the
  instant is in the stream anyway.
- The note is of the hash itself. It goes along with it (RENAME, MOVE, SWAPDB), and is void once it stands nowhere.
- A copy is noted as well: that of a replica may be of a hash whose deadlines it had not yet been told.
- All is told before the file ends: who has taken it and the stream so far misses no deadline. (But for copies of
  copies, made while these are told of, more than MOST_ROUNDS times over.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geventcache.base.table import END, OBJECT, Table
from geventcache.commands.keys import COPY_TO, MOVE_TO, RENAME_TO
from geventcache.persistence.snapshot_writer import PAUSE
from geventcache.store.changes import COPY_RANK, Listener
from geventcache.types.hashes import Hash

ARRIVALS = frozenset((COPY_TO, MOVE_TO, RENAME_TO))
# A step takes up to 30 microseconds: it looks for deadlines in so many fields, or makes a request of as many.
FIELDS_A_STEP = 64
STEPS_A_SLICE = 16
# The fields of a large hash that have a deadline in common come in few requests, if so many are looked at before.
MOST_GATHERED = 16384
# Copies are made more quickly than they are told of: who makes them without end must not keep a file from its end.
MOST_ROUNDS = 10


class Note:
    """A hash, where it stands, and how far its fields have been told.

    Attributes:
        position: where those begin that have not been looked at.
        gathered: how many were looked at since none was left to be told.
        found: those with a deadline that are still to be told, by it.
    """

    __slots__ = ("found", "gathered", "key", "position", "table", "value")

    def __init__(self, table: Table, key: bytes, value: Hash) -> None:
        self.table = table
        self.key = key
        self.value = value
        self.position = 0
        self.gathered = 0
        self.found: dict[int, list[bytes]] = {}

    def is_void(self) -> bool:
        """Does the hash stand there no more, or has none of its fields a deadline?"""
        is_there = self.table.seek(self.key) == OBJECT and self.table.object() is self.value
        return not is_there or self.value.deadlines is None

    def is_told(self) -> bool:
        """Is nothing left?"""
        return self.position == END and not self.found

    def request(self) -> list[bytes] | None:
        """A step: the next request, None where there is none yet, or no more."""
        if self.position < END and self.gathered < MOST_GATHERED:
            self.gather()
            return None
        if not self.found:
            self.gathered = 0
            return None
        deadline_ms, fields = self.found.popitem()
        if len(fields) > FIELDS_A_STEP:
            self.found[deadline_ms] = fields
            fields = [fields.pop() for _ in range(FIELDS_A_STEP)]
        still = [field for field in fields if self.value.deadline(field) == deadline_ms]
        if not still:
            return None
        return [b"HPEXPIREAT", self.key, b"%d" % deadline_ms, b"FIELDS", b"%d" % len(still), *still]

    def gather(self) -> None:
        """Look at some fields; uncompiled, where a hash has no table, at all."""
        elements = self.value.elements_table()
        if elements is None:
            self.position, fields = END, self.value.names()
        else:
            self.position, fields = elements.page(self.position, FIELDS_A_STEP)
        self.gathered += len(fields)
        for field in fields:
            deadline_ms = self.value.deadline(field)
            if deadline_ms is not None:
                self.found.setdefault(deadline_ms, []).append(field)


class Untold(Listener):
    """What is still to be told of the file that is being sent.

    Attributes:
        notes: the hashes, by their ids. copies: those that are told of when the rest of the file has been written.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.notes: dict[int, Note] = {}
        self.copies: dict[int, Note] = {}

    def begin(self) -> None:
        """It is the instant of a file."""
        if any(keyspace.volatile_containers for keyspace in self.state.databases.existing()):
            self.state.changes.listen(self, COPY_RANK)

    def end(self) -> None:
        """The file has been sent, or is given up."""
        self.state.changes.ignore(self)
        self.notes.clear()
        self.copies.clear()

    def note(self, table: Table, key: bytes, value: Hash) -> None:
        """A hash goes without the deadlines of its fields to replicas."""
        self.notes[id(value)] = Note(table, key, value)

    def changed(self, keyspace: Any, key: bytes, event: bytes | None) -> None:
        """A hash may have come to another place, or a copy of one.

        One that has no note and is moved was told of: whoever moves it has it written into the file before.
        """
        if event not in ARRIVALS:
            return
        table: Table = keyspace.table
        value = table.object() if table.seek(key) == OBJECT else None
        if event == COPY_TO:
            if isinstance(value, Hash) and value.deadlines is not None:
                self.copies[id(value)] = Note(table, key, value)
        elif note := self.notes.get(id(value)) or self.copies.get(id(value)):
            note.table, note.key = table, key

    def told_amid(self, blocks: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        """The blocks of the file; behind each what it lacks is told, with places to pause."""
        for block in blocks:
            yield block
            yield from self.told()
        for _ in range(MOST_ROUNDS):
            if not self.copies:
                break
            self.notes, self.copies = self.copies, {}
            yield from self.told()

    def told(self) -> Iterator[bytes]:
        """Tell of all that is noted, with places to pause."""
        while self.notes:
            self.tell_slice()
            yield PAUSE

    def tell_slice(self) -> None:
        """Tell some of it, if there still is somebody to be told."""
        effects = self.state.engine.effects
        if effects is None:
            self.notes.clear()
        left = STEPS_A_SLICE
        while left > 0 and self.notes:
            left -= 1
            identity, note = self.notes.popitem()
            index = self.index_of(note.table)
            if index is None or note.is_void():
                continue
            while left > 0 and not note.is_told():
                left -= 1
                request = note.request()
                if request is not None:
                    effects.repeat(index, request)
            if not note.is_told():
                self.notes[identity] = note

    def index_of(self, table: Table) -> int | None:
        """The number of the database that has this table now; None where all its keys have gone."""
        for keyspace in self.state.databases.existing():
            if keyspace.table is table:
                return int(keyspace.index)
        return None
