# cython: boundscheck=False, wraparound=False
"""Puts what a snapshot holds into databases."""

from typing import Any

import cython

from geventcache.persistence.snapshot_reader import SnapshotError, SnapshotReader
from geventcache.store.keyspace import Keyspace


class Loaded:
    """What came of a load.

    Attributes:
        keys: how many keys were put in place.
        expired: how many were left out because their time had come.
    """

    def __init__(self) -> None:
        self.keys = 0
        self.expired = 0


def load_records(
    reader: SnapshotReader, databases: Any, merges: cython.bint, loaded: Loaded, keeps_due: cython.bint = False
) -> None:
    """Put the keys of a snapshot where they belong, and count them.

    Args:
        merges: keys that exist give way.
        keeps_due: another server decides what is over, so that keys are put in place though their time has come.

    Raises:
        SnapshotError: the snapshot is damaged, or has a key twice or a database that is not here; what was read so far
            is in place.
    """
    selected: cython.longlong = -1
    index: cython.longlong
    deadline_ms: cython.longlong
    keyspace: Keyspace = databases.get(0)
    for index, key, value, deadline_ms in reader.records():
        if index != selected:
            if index >= databases.count:
                raise SnapshotError(f"there is no database {index}")
            keyspace = databases.get(index)
            selected = index
        if deadline_ms <= keyspace.clock.now_ms and not keeps_due:
            loaded.expired += 1
            continue
        if not merges and keyspace.find(key) is not None:
            raise SnapshotError(f"the key {key[:100]!r} stands twice in database {index}")
        keyspace.implant(key, value, deadline_ms, False)
        loaded.keys += 1
