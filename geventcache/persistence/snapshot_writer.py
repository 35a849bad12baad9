# cython: boundscheck=False, wraparound=False
"""Writes a whole snapshot: a header, the libraries of functions, keys with their values and deadlines, a checksum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Any, NamedTuple

from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds
from geventcache.persistence.checksum import crc64
from geventcache.persistence.output import Output
from geventcache.persistence.value_writer import SLICE, kind_of, value_slices, write_value
from geventcache.types.container import Container

BLOCK_BYTES = 1 << 20
PAUSE = b""
RECORDS_A_SLICE = 64
DEADLINE = Struct("<q")
CHECKSUM = Struct("<Q")


class Record(NamedTuple):
    """A key of a snapshot; its deadline is NEVER_MS if it has none."""

    database: int
    key: bytes
    value: Any
    deadline_ms: int


class Header(NamedTuple):
    """What a snapshot begins with.

    Attributes:
        has_field_deadlines: some hash has fields with deadlines, which only Valkey 9 and later read.
        facts: names and values for people and for other servers.
        sizes: the number of keys, and of those with deadlines, by database.
        functions: the codes of libraries.
    """

    has_field_deadlines: bool
    facts: dict[bytes, bytes]
    sizes: dict[int, tuple[int, int]]
    functions: list[bytes]


def snapshot_blocks(
    header: Header, records: Iterable[Record | None], compresses: bool = True, has_checksum: bool = True
) -> Iterator[bytes]:
    """The bytes of a snapshot, in blocks to be written; some are empty: places to pause."""
    out = Output(compresses)
    crc = 0
    write_header(out, header)
    for _ in record_slices(out, header, records):
        if len(out.data) < BLOCK_BYTES:
            yield PAUSE
            continue
        block = out.take()
        crc = crc64(block, crc)
        yield block
    out.byte(kinds.END)
    last = out.take()
    yield last + CHECKSUM.pack(crc64(last, crc) if has_checksum else 0)


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


def record_slices(out: Output, header: Header, records: Iterable[Record | None]) -> Iterator[None]:
    """Write all keys, with a pause after some of them, and inside large values; a None among them is one."""
    selected = -1
    for count, record in enumerate(records, 1):
        if record is None:
            yield
            continue
        database, key, value, deadline_ms = record
        if database != selected:
            write_selection(out, database, header.sizes.get(database) if selected < database else None)
            selected = database
        if deadline_ms != NEVER_MS:
            out.byte(kinds.DEADLINE_MS)
            out.raw(DEADLINE.pack(deadline_ms))
        out.byte(kind_of(value))
        out.string(key)
        if type(value) is bytes:
            out.string(value)
        elif isinstance(value, Container) and len(value) > SLICE:
            yield from value_slices(out, value)
        else:
            write_value(out, value)
        if count % RECORDS_A_SLICE == 0 or len(out.data) >= BLOCK_BYTES:
            yield


def write_selection(out: Output, database: int, sizes: tuple[int, int] | None) -> None:
    """Say which database the next keys are in, and how many it has."""
    out.byte(kinds.DATABASE)
    out.length(database)
    if sizes is not None:
        out.byte(kinds.SIZES)
        out.length(sizes[0])
        out.length(sizes[1])
