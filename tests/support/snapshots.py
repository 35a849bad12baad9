"""Snapshots of keys that a test names, without a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from geventcache.base.clock import ManualClock
from geventcache.base.times import NEVER_MS
from geventcache.persistence.snapshot_writer import Header, SnapshotWriter
from geventcache.store.databases import Databases

EMPTY = Header(False, {}, [])


class Record(NamedTuple):
    """A key of a snapshot; its deadline is NEVER_MS if it has none."""

    database: int
    key: bytes
    value: Any
    deadline_ms: int = NEVER_MS


def blocks(records: Iterable[Record], header: Header = EMPTY, **options: bool) -> list[bytes]:
    """A whole snapshot in the blocks in which it is written; some are empty."""
    databases = Databases(16, ManualClock(0))
    for database, key, value, deadline_ms in records:
        databases.get(database).implant(key, value, deadline_ms)
    writer = SnapshotWriter(header, databases.existing(), **options)
    written = [bytes(block) for block in writer.blocks()]
    writer.end()
    return written


def snapshot(records: Iterable[Record], header: Header = EMPTY, **options: bool) -> bytes:
    """A whole snapshot."""
    return b"".join(blocks(records, header, **options))
