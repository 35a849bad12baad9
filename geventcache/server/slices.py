"""Long work of a greenlet, in slices between which others have their turns."""

from __future__ import annotations

from typing import Any

import gevent

from geventcache.base.clock import monotonic_us

# A timer lets the loop poll; `sleep(0)` would not let input in.
TINY_SECONDS = 1e-6
# Of a snapshot: with 1000 us, a bystander waited twice as long, for four fifths of the time.
SNAPSHOT_US = 250


class Slices:
    """The slices of one greenlet's work.

    Args:
        slice_us: how long one is, in microseconds.
    """

    def __init__(self, server: Any, slice_us: int) -> None:
        self.server = server
        self.slice_us = slice_us
        self.end_us = 0

    def begin(self) -> None:
        """Others have been let in: a slice begins."""
        self.end_us = monotonic_us() + self.slice_us

    def breathe(self) -> bool:
        """Let others in, if this slice is over; return whether they were."""
        if monotonic_us() < self.end_us:
            return False
        self.server.end_turn()
        gevent.sleep(TINY_SECONDS)
        self.begin()
        return True
