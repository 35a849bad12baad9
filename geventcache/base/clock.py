"""Time as integer milliseconds, read in one place so that tests can move it.

Deadlines are wall-clock milliseconds since the epoch, because that is what EXPIREAT, EXPIRETIME and SET PXAT say. A
wall clock that is set back or forth must not expire keys early, nor keep them: so `Clock` counts by the monotonic clock
from one reading of the wall clock, and follows the wall clock again only when the two drift apart by more than
`SLEW_MS`, which is a step that an administrator made and not the slow correction of a time service.
"""

import time

import cython

SLEW_MS = 1000


class Clock:
    """The time of one server.

    Attributes:
        now_ms: milliseconds since the epoch, as of the last `update`; one snapshot serves a whole command.
    """

    def __init__(self) -> None:
        self.offset_us = 0
        self.now_us = 0
        self.now_ms = 0
        self.follow_wall()

    def follow_wall(self) -> None:
        """Take the wall clock's time as it is now."""
        self.offset_us = time.time_ns() // 1000 - monotonic_us()
        self.update()

    def update(self) -> int:
        """Take a new snapshot, return it in milliseconds."""
        return self.update_at(monotonic_us())

    def update_at(self, us: cython.longlong) -> int:
        """`update`, for a caller that has just read `monotonic_us`: a reading costs 25 to 60 ns."""
        self.now_us = us + self.offset_us
        self.now_ms = self.now_us // 1000
        return self.now_ms

    def microseconds(self) -> int:
        """The time of the snapshot in microseconds since the epoch, as near as it is known."""
        # Whoever sets `now_ms`, as a script does that goes on at the time at which it began, knows no more than that.
        return self.now_us if self.now_us // 1000 == self.now_ms else self.now_ms * 1000

    def check_wall(self) -> int:
        """Follow the wall clock if it was stepped; return by how many milliseconds it had been."""
        step_ms: cython.longlong = (time.time_ns() // 1000 - monotonic_us() - self.offset_us) // 1000
        if -SLEW_MS < step_ms < SLEW_MS:
            return 0
        self.follow_wall()
        return step_ms


class ManualClock(Clock):
    """A clock that stands still until it is moved: for tests, and for whoever needs time to be an input."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.offset_us = 0
        self.now_us = 0
        self.now_ms = now_ms

    def follow_wall(self) -> None:
        """Nothing to follow."""

    def update(self) -> int:
        """The time it was last set to."""
        return self.now_ms

    def update_at(self, us: cython.longlong) -> int:
        """The time it was last set to."""
        return self.now_ms

    def check_wall(self) -> int:
        """Never stepped."""
        return 0

    def advance(self, ms: int) -> None:
        """Move the time on by `ms` milliseconds."""
        self.now_ms += ms


def monotonic_us() -> int:
    """Microseconds of a clock that never goes back; its zero means nothing."""
    if cython.compiled:
        t: timespec  # noqa: F821
        clock_gettime(CLOCK_MONOTONIC, cython.address(t))  # noqa: F821
        return cython.cast(cython.longlong, t.tv_sec) * 1_000_000 + t.tv_nsec // 1000  # noqa: F821
    return time.monotonic_ns() // 1000
