"""The clock counts microseconds and milliseconds of one snapshot."""

from __future__ import annotations

from geventcache.base.clock import Clock, ManualClock


def test_one_snapshot() -> None:
    """Microseconds lie in the millisecond of the snapshot."""
    clock = Clock()
    assert clock.microseconds() // 1000 == clock.now_ms
    assert clock.update() == clock.microseconds() // 1000


def test_time_that_was_put_back() -> None:
    """Where the milliseconds are set, the microseconds follow."""
    clock = Clock()
    clock.now_ms -= 5000
    assert clock.microseconds() == clock.now_ms * 1000


def test_manual_clock() -> None:
    """A clock that stands still tells whole milliseconds, also after it was moved."""
    clock = ManualClock(1234)
    clock.advance(2)
    assert clock.microseconds() == 1_236_000


def test_a_frozen_clock_that_stands_still() -> None:
    """What stands still shows its time at the next update, also if it was stopped by hand."""
    clock = Clock()
    clock.freeze()
    frozen_ms = clock.now_ms
    clock.stand_still()
    assert clock.now_ms == 0
    assert clock.update() == frozen_ms
    clock.move_to(frozen_ms + 5)
    assert clock.update() == frozen_ms + 5
    clock.run()
    assert frozen_ms + 5 <= clock.update() < frozen_ms + 60_000


def test_stepped_wall_clock() -> None:
    """A wall clock that was stepped is followed, and by how much is told."""
    clock = Clock()
    clock.offset_us -= 10_000_000
    assert 9_000 < clock.check_wall() < 11_000
    assert clock.check_wall() == 0
