"""Cursors for HSCAN, SSCAN and ZSCAN over big containers.

A scan that starts takes a snapshot of the elements, and its cursor is the snapshot's number and a position in it. So
each element that stays for the whole scan is given out exactly once, however the container is changed meanwhile; the
command leaves out what is gone. A container keeps `MAX_SNAPSHOTS` of them. A cursor whose snapshot was dropped starts
over with a new one: elements may come twice, none is missed.
"""

from collections.abc import Callable

MAX_SNAPSHOTS = 16
POSITION_BITS = 32
# Number and position together stay under 2**53, so that a client may hold a cursor in a double.
MAX_NUMBER = (1 << 21) - 1


class ScanCursors:
    """The scans under way over one container."""

    def __init__(self) -> None:
        self.snapshots: dict[int, list[bytes]] = {}
        self.last_number = 0

    def page(self, elements: Callable[[], list[bytes]], cursor: int, count: int) -> tuple[int, list[bytes]]:
        """The next cursor, 0 at the end, and up to `count` elements; `elements` lists them all for a new snapshot."""
        number = cursor >> POSITION_BITS
        position = cursor & ((1 << POSITION_BITS) - 1)
        snapshot = self.snapshots.get(number)
        if snapshot is None:
            number, position, snapshot = 0, 0, elements()
        stop = position + count
        if stop >= len(snapshot):
            self.snapshots.pop(number, None)
            return 0, snapshot[position:]
        if number == 0:
            number = self.keep(snapshot)
        return number << POSITION_BITS | stop, snapshot[position:stop]

    def keep(self, snapshot: list[bytes]) -> int:
        """Number a snapshot, dropping the oldest when there are too many."""
        if len(self.snapshots) >= MAX_SNAPSHOTS:
            del self.snapshots[next(iter(self.snapshots))]
        self.last_number = self.last_number % MAX_NUMBER + 1
        self.snapshots[self.last_number] = snapshot
        return self.last_number
