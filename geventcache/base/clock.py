"""Time as integer milliseconds, read in one place so that tests can move it.

Deadlines are wall-clock milliseconds since the epoch, because that is what EXPIREAT, EXPIRETIME and SET PXAT say. A
wall clock that is set back or forth must not expire keys early, nor keep them: so `Clock` counts by the monotonic clock
from one reading of the wall clock, and follows the wall clock again only when the two drift apart by more than
`SLEW_MS`, which is a step that an administrator made and not the slow correction of a time service.

A clock can be moved and stopped by hand, for tests of what goes by it; from then on it does not follow the wall clock.
What must happen as the time passes is not the clock's affair (server/travel.py).

While somebody else decides what is over, as a primary does for its replicas, the clock *stands still* at the beginning
of time: nothing is due. How long ago something was is told by `real_ms` even so.
"""

import time

import cython

from geventcache.base import native

SLEW_MS = 1000


class Clock:
    """The time of one server.

    Attributes:
        now_ms: milliseconds since the epoch, as of the last `update`; one snapshot serves a whole command. It is 0
            while the clock stands still.
        is_frozen: it was stopped by hand.
        is_moved: it was moved or stopped by hand.
    """

    def __init__(self) -> None:
        self.kept_ms = 0
        self.is_frozen = False
        self.is_moved = False
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
        if not self.is_frozen:
            self.now_us = us + self.offset_us
            self.now_ms = self.now_us // 1000
        elif self.now_ms == 0:
            self.now_ms = self.kept_ms  # it was frozen, and stood still as well
        return self.now_ms

    def microseconds(self) -> int:
        """The time of the snapshot in microseconds since the epoch, as near as it is known."""
        # Whoever sets `now_ms`, as a script does that goes on at the time at which it began, knows no more than that.
        now_ms: cython.longlong = self.real_ms()
        return self.now_us if self.now_us // 1000 == now_ms else now_ms * 1000

    def stand_still(self) -> None:
        """Stand at the beginning of time, until `go_on` or the next `update`."""
        self.kept_ms = self.now_ms
        self.now_ms = 0

    def go_on(self) -> None:
        """Show the time again at which it was told to stand still."""
        self.now_ms = self.kept_ms

    def real_ms(self) -> int:
        """The time of the snapshot in milliseconds, also while the clock stands still."""
        return self.now_ms or self.kept_ms

    def check_wall(self) -> int:
        """Follow the wall clock if it was stepped; return by how many milliseconds it had been."""
        if self.is_moved:
            return 0
        step_ms: cython.longlong = (time.time_ns() // 1000 - monotonic_us() - self.offset_us) // 1000
        if -SLEW_MS < step_ms < SLEW_MS:
            return 0
        self.follow_wall()
        return step_ms  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ by hand

    def move_to(self, ms: int) -> None:
        """Let it be `ms` milliseconds since the epoch, sooner or later than it is."""
        self.is_moved = True
        self.now_ms = ms
        self.now_us = ms * 1000
        self.offset_us = self.now_us - monotonic_us()

    def freeze(self) -> None:
        """Stand still, until `run`."""
        self.update()
        self.is_frozen = self.is_moved = True

    def run(self) -> None:
        """Run on from the time at which it stands."""
        if self.is_frozen:
            self.is_frozen = False
            self.move_to(self.now_ms)


class ManualClock(Clock):
    """A clock that stands still until it is moved, by `advance` or by setting `now_ms`: for tests."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.is_frozen = True
        self.is_moved = True
        self.kept_ms = 0
        self.offset_us = 0
        self.now_us = 0
        self.now_ms = now_ms

    def advance(self, ms: int) -> None:
        """Move the time on by `ms` milliseconds."""
        self.now_ms += ms


def monotonic_us() -> int:
    """Microseconds of a clock that never goes back; its zero means nothing."""
    return native.monotonic_us()
