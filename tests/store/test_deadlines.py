"""The index of deadlines: which keys come up when, and that its tickets stay few."""

from __future__ import annotations

from geventcache.base.deadlines import STALE_ALLOWED
from geventcache.base.histogram import Histogram
from geventcache.base.times import NEVER_MS

from .keyspaces import START_MS, make_databases, make_keyspace, sweep, visit_due

HOUR_MS = 3_600_000


def test_no_deadline_means_no_bucket() -> None:
    """An index without tickets is due never."""
    _, keyspace, _ = make_keyspace()
    keyspace.put(b"k", b"v", b"set")
    assert keyspace.deadlines.next_ms == NEVER_MS
    assert keyspace.deadlines.pop_due(START_MS + HOUR_MS) is None


def test_near_deadline_comes_up_in_its_millisecond() -> None:
    """A deadline within eight seconds has a bucket of its own millisecond, not one earlier and not one later."""
    clock, keyspace, _ = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 5000, b"set")
    assert keyspace.deadlines.next_ms == START_MS + 5000
    assert keyspace.deadlines.pop_due(START_MS + 4999) is None
    clock.advance(5000)
    assert visit_due(keyspace) == 1


def test_far_deadlines_share_buckets_and_are_never_late() -> None:
    """Deadlines spread over an hour wait in few buckets, each of which comes up before its keys are due."""
    clock, keyspace, _ = make_keyspace()
    for number in range(10_000):
        keyspace.put_until(b"%d" % number, b"v", START_MS + 600_000 + number * 360, b"set")
    assert len(keyspace.deadlines.buckets) < 4000
    removed, now_ms = 0, START_MS
    while keyspace.deadlines.next_ms != NEVER_MS:
        now_ms = max(now_ms, keyspace.deadlines.next_ms)
        clock.advance(now_ms - clock.now_ms)
        lags = Histogram()
        time_ms, keys = keyspace.deadlines.pop_due(now_ms)
        removed += keyspace.visit(keys, 0, len(keys), time_ms, lags)
        assert lags.maximum == 0
    assert removed == 10_000


def test_deadline_of_years_comes_up() -> None:
    """A key that lives for ten years is visited again and again, each time nearer, and expires on time."""
    clock, keyspace, _ = make_keyspace()
    deadline_ms = START_MS + 10 * 365 * 24 * HOUR_MS
    keyspace.put_until(b"k", b"v", deadline_ms, b"set")
    visits = 0
    while keyspace.deadlines.next_ms != NEVER_MS:
        clock.advance(keyspace.deadlines.next_ms - clock.now_ms)
        visit_due(keyspace)
        visits += 1
    assert clock.now_ms == deadline_ms
    assert visits < 10


def test_later_deadline_needs_no_new_ticket() -> None:
    """Renewing a session only ever moves its deadline: a million such calls would leave one ticket."""
    clock, keyspace, _ = make_keyspace()
    for number in range(1000):
        keyspace.put_until(b"session", b"v", clock.now_ms + 1_800_000, b"set")
        keyspace.set_deadline(b"session", clock.now_ms + 1_800_000 + number)
        clock.advance(10)
    assert keyspace.deadlines.tickets == 1
    assert keyspace.deadlines.stale == 0


def test_stale_tickets_are_bounded() -> None:
    """Keys that come and go before their deadline leave tickets, but never more than the sweep allows."""
    _, keyspace, _ = make_keyspace()
    for number in range(6 * STALE_ALLOWED):
        key = b"%d" % (number % 1000)
        keyspace.put_until(key, b"v", START_MS + HOUR_MS + number * 1000, b"set")
        keyspace.delete(key)
        sweep(keyspace)
        assert keyspace.deadlines.tickets <= 2 * STALE_ALLOWED
    assert len(keyspace.deadlines.buckets) <= 2 * STALE_ALLOWED


def test_sweep_keeps_the_tickets_that_count() -> None:
    """After a sweep each key that is left has its one ticket, and expires on time."""
    clock, keyspace, _ = make_keyspace()
    for number in range(3000):
        keyspace.put_until(b"%d" % number, b"v", START_MS + 5000 + number % 7, b"set")
    for number in range(0, 3000, 2):
        keyspace.delete(b"%d" % number)
        keyspace.put_until(b"%d" % number, b"v", START_MS + 5000 + number % 7, b"set")
    for _ in keyspace.deadlines.sweep(keyspace.table):
        pass
    assert (keyspace.deadlines.tickets, keyspace.deadlines.stale) == (3000, 0)
    clock.advance(6000)
    assert visit_due(keyspace) == 3000


def test_keys_that_come_during_a_sweep_stay() -> None:
    """A sweep goes in steps; what is filed between two of them is not lost."""
    clock, keyspace, _ = make_keyspace()
    for number in range(2500):
        keyspace.put_until(b"%d" % number, b"v", START_MS + 5000, b"set")
    for number in range(2500):
        keyspace.delete(b"%d" % number)
    for step in keyspace.deadlines.sweep(keyspace.table):
        keyspace.put_until(b"new:%d" % step, b"v", START_MS + 5000, b"set")
    clock.advance(5000)
    visit_due(keyspace)
    assert keyspace.keys() == []
    assert len(keyspace) == 0
    assert (keyspace.deadlines.tickets, keyspace.deadlines.stale) == (0, 0)


def test_earlier_deadlines_are_told() -> None:
    """`on_earlier` is called when a bucket becomes the earliest one, and not for others."""
    _, keyspace, _ = make_keyspace()
    told: list[int] = []
    for ahead_ms in (100, 200, 50):
        keyspace.deadlines.on_earlier = lambda ahead_ms=ahead_ms: told.append(ahead_ms)  # type: ignore[misc]
        keyspace.put_until(b"%d" % ahead_ms, b"v", START_MS + ahead_ms, b"set")
    assert told == [100, 50]


def test_shorter_deadline_replaces_the_ticket() -> None:
    """A deadline that moves forward is filed anew; the old ticket does nothing when it comes up."""
    clock, keyspace, recorder = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 5000, b"set")
    keyspace.set_deadline(b"k", START_MS + 1000)
    clock.advance(1000)
    assert visit_due(keyspace) == 1
    keyspace.put(b"k", b"w", b"set")
    recorder.take()
    clock.advance(4000)
    assert visit_due(keyspace) == 0
    assert keyspace.find(b"k") == b"w"
    assert recorder.take() == []


def test_worker_finds_swapped_keys() -> None:
    """A bucket that is being visited while the databases are swapped expires its keys where they are then."""
    clock, databases = make_databases()
    one, other = databases.get(0), databases.get(1)
    one.put_until(b"k", b"v", START_MS + 10, b"set")
    clock.advance(10)
    deadlines = one.deadlines
    time_ms, keys = deadlines.pop_due(clock.now_ms)
    one.swap(other)
    assert deadlines.keyspace.visit(keys, 0, 1, time_ms, Histogram()) == 1
    assert (one.expired, other.expired) == (0, 1)
    assert len(other) == 0
