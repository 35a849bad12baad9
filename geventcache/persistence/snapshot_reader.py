# cython: boundscheck=False, wraparound=False
"""Reads a whole snapshot, of any server and version that is known, record by record."""

from collections.abc import Callable, Iterator
from typing import Any

import cython

from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds
from geventcache.persistence.cursor import Cursor, DataError
from geventcache.persistence.value_reader import EmptyValueError, read_value
from geventcache.types.limits import EncodingLimits

MAGIC_SIZE = 9
FIRST_WITH_CHECKSUM = 5
UNUSED = -1
MOST_FACTS = 64
HIGHEST_DATABASE = (1 << 31) - 1
WRONG_MAGIC = "Wrong signature trying to load DB from file"


class SnapshotError(Exception):
    """A snapshot cannot be read: the text says why, and where."""


class SnapshotReader:
    """Reads one snapshot.

    Args:
        source: returns the next bytes, nothing at the end; it is told how many are needed.
        takes_any_version: read what is not known as far as it can be.

    Attributes:
        facts: what the snapshot tells of itself.
        idle_s, frequency: what is noted of the use of the key that was read last; UNUSED if nothing is.
        empty: how many containers without elements were passed over.
        on_function: called with the code of each library.
        checks: the checksum is compared.
        read: makes the value of a container that stands at the cursor.
    """

    def __init__(self, source: Callable[[int], bytes], limits: EncodingLimits, takes_any_version: bool = False) -> None:
        self.cursor: Cursor = Cursor(b"", source)
        self.limits = limits
        self.takes_any_version = takes_any_version
        self.checks = True
        self.read: Callable[[Cursor, int, EncodingLimits], Any] = read_value
        self.on_function: Callable[[bytes], None] = lambda code: None
        self.facts: dict[bytes, bytes] = {}
        self.version = 0
        self.database = 0
        self.deadline_ms = NEVER_MS
        self.idle_s = self.frequency = UNUSED
        self.empty = 0

    def records(self) -> Iterator[tuple[int, bytes, Any, int]]:
        """All keys: the database, the key, the value, the deadline (NEVER_MS if it has none).

        Raises:
            SnapshotError: at the place where the snapshot is damaged.
        """
        try:
            self.read_version()
            yield from self.read_records()
            self.read_checksum()
        except DataError as error:
            raise SnapshotError(f"{error}, at byte {self.cursor.offset()}") from None

    def size(self) -> int:
        """How many bytes have been read."""
        return self.cursor.offset()

    def read_version(self) -> None:
        """Read the magic."""
        magic: bytes = self.cursor.take(MAGIC_SIZE)
        name = b"REDIS" if magic.startswith(b"REDIS") else b"VALKEY"
        digits = magic[len(name) :]
        if not magic.startswith(name) or not digits.isdigit():
            raise DataError(WRONG_MAGIC)
        self.version = int(digits)
        if name == b"REDIS":
            is_known = 1 <= self.version <= kinds.LAST_REDIS_VERSION
        else:
            is_known = self.version in kinds.VALKEY_VERSIONS
        if not is_known and not self.takes_any_version:
            raise DataError(f"Can't handle RDB format version {self.version}")

    def read_records(self) -> Iterator[tuple[int, bytes, Any, int]]:
        """All keys, up to the end's mark."""
        cursor: Cursor = self.cursor
        kind: cython.int
        while True:
            kind = cursor.byte()
            if kind == kinds.END:
                return
            if kind > kinds.HASH_DEADLINES_LISTPACK:
                self.read_other(kind)
                continue
            key: bytes = cursor.string()
            try:
                value = cursor.string() if kind == kinds.STRING else self.read(cursor, kind, self.limits)
            except EmptyValueError:
                self.empty += 1
            else:
                yield self.database, key, value, self.deadline_ms
            self.deadline_ms = NEVER_MS
            self.idle_s = self.frequency = UNUSED

    def read_other(self, kind: cython.int) -> None:
        """Read what is no key."""
        cursor: Cursor = self.cursor
        if kind == kinds.DEADLINE_MS:
            self.deadline_ms = min(cursor.signed_number(8), NEVER_MS - 1)
        elif kind == kinds.DEADLINE_S:
            self.deadline_ms = 1000 * cursor.signed_number(4)
        elif kind == kinds.DATABASE:
            self.database = cursor.length()
            if self.database > HIGHEST_DATABASE:
                raise DataError("impossible number of a database")
        elif kind == kinds.SIZES:
            cursor.length()
            cursor.length()
        elif kind == kinds.FACT:
            name = cursor.string()
            value = cursor.string()
            if len(self.facts) < MOST_FACTS:
                self.facts[name] = value
        elif kind == kinds.IDLE_TIME:
            self.idle_s = cursor.length()
        elif kind == kinds.FREQUENCY:
            self.frequency = cursor.byte()
        elif kind == kinds.FUNCTION:
            self.on_function(cursor.string())
        else:
            self.pass_over(kind)

    def pass_over(self, kind: cython.int) -> None:
        """Read what is of no use here."""
        cursor: Cursor = self.cursor
        if kind == kinds.SLOT_SIZES:
            for _ in range(3):
                cursor.length()
        elif kind == kinds.MODULE_FACTS:
            cursor.length()
            self.pass_over_module()
        else:
            raise DataError(f"unknown type or opcode {kind}")

    def pass_over_module(self) -> None:
        """What a module has noted beside the keys: marks, each with a value of its kind, up to a 0."""
        cursor: Cursor = self.cursor
        sizes = {3: 4, 4: 8}
        mark: int = cursor.length()
        while mark:
            if mark in (1, 2):
                cursor.length()
            elif mark in sizes:
                cursor.take(sizes[mark])
            elif mark == 5:
                cursor.string()
            else:
                raise DataError("unknown data of a module")
            mark = cursor.length()

    def read_checksum(self) -> None:
        """Read and compare the checksum; 0 is none."""
        if self.version < FIRST_WITH_CHECKSUM:
            return
        computed: int = self.cursor.checksum()
        found: int = self.cursor.number(8)
        if self.checks and found not in (0, computed):
            raise DataError("wrong checksum")
