"""What the tests of the keyspace share: databases on a clock that tests move, and a worker as simple as can be."""

from __future__ import annotations

from geventcache.base.clock import ManualClock
from geventcache.base.histogram import Histogram
from geventcache.store.changes import Listener
from geventcache.store.databases import Databases
from geventcache.store.keyspace import Keyspace

START_MS = 1_700_000_000_000


class Recorder(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[int, bytes, bytes]] = []

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """Keep one event as the number of the database, the key and the name."""
        self.events.append((keyspace.index, key, event))

    def take(self) -> list[tuple[int, bytes, bytes]]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events


def make_databases(count: int = 2) -> tuple[ManualClock, Databases]:
    """Empty databases and their clock."""
    clock = ManualClock(START_MS)
    return clock, Databases(count, clock)


def make_keyspace() -> tuple[ManualClock, Keyspace, Recorder]:
    """One empty database, its clock, and who listens to it."""
    clock, databases = make_databases(1)
    recorder = Recorder()
    databases.changes.listen(recorder, 1)
    return clock, databases.get(0), recorder


def visit_due(keyspace: Keyspace) -> int:
    """Visit all that is due, as the batch worker does; return how many keys expired."""
    removed = 0
    while (due := keyspace.deadlines.pop_due(keyspace.clock.now_ms)) is not None:
        time_ms, keys = due
        removed += keyspace.visit(keys, 0, len(keys), time_ms, Histogram())
    return removed


def sweep(keyspace: Keyspace) -> None:
    """Sweep out stale tickets if there are too many."""
    if keyspace.deadlines.overdue():
        for _ in keyspace.deadlines.sweep(keyspace.table):
            pass


def times_of(keyspace: Keyspace) -> dict[bytes, tuple[int, int]]:
    """The deadline of each key, and the time of its ticket."""
    times = {}
    for key in keyspace.table.keys(0):
        keyspace.table.seek(key)
        times[key] = keyspace.table.deadline(), keyspace.table.filed()
    return times


def filed_keys(keyspace: Keyspace) -> int:
    """How many keys have a ticket that counts."""
    return sum(filed_ms != 0 for _, filed_ms in times_of(keyspace).values())
