"""Notes of use: times and counters by the hash of a key."""

from __future__ import annotations

from geventcache.base.clock import ManualClock
from geventcache.store.uses import Uses

from .keyspaces import START_MS

EMPTY = [0] * 256
MINUTE_MS = 60_000


def uses_of(counts: bool) -> tuple[ManualClock, Uses]:
    """Notes of an empty database, in which every use counts, and their clock."""
    clock = ManualClock(START_MS)
    uses = Uses(clock, counts, EMPTY)
    uses.log_factor = 0
    return clock, uses


def test_idle_time_begins_with_each_use() -> None:
    """A key is idle since its coming, or since it was used last."""
    clock, uses = uses_of(False)
    uses.begin(b"k", 1)
    clock.advance(3000)
    assert uses.idle_ms(b"k") == 3000
    uses.touch(b"k")
    clock.advance(40)
    assert uses.idle_ms(b"k") == 40


def test_counter_grows_and_decays() -> None:
    """A counter begins at 5, ends at 255, and goes down by one for each lfu-decay-time since the last use."""
    clock, uses = uses_of(True)
    uses.begin(b"k", 1)
    assert uses.frequency(b"k") == 5
    for _ in range(300):
        uses.touch(b"k")
    assert uses.frequency(b"k") == 255
    clock.advance(10 * MINUTE_MS)
    assert uses.frequency(b"k") == 245
    uses.decay_minutes = 5
    assert uses.frequency(b"k") == 253
    uses.decay_minutes = 0
    assert uses.frequency(b"k") == 255
    uses.decay_minutes = 1
    clock.advance(1000 * MINUTE_MS)
    assert uses.frequency(b"k") == 0


def test_factor_slows_the_counter() -> None:
    """With a factor the counter grows the more slowly the higher it is."""
    _, uses = uses_of(True)
    uses.log_factor = 10
    uses.begin(b"k", 1)
    for _ in range(1000):
        uses.touch(b"k")
    assert 10 < uses.frequency(b"k") < 60


def test_tables_grow_and_keep_their_notes() -> None:
    """A table that doubles knows of each key what it knew before."""
    clock, uses = uses_of(False)
    keys = [key for i in range(20_000) if hash(key := b"key:%d" % i) & 255 == 7][:30]
    before = uses.memory_usage()
    for size, key in enumerate(keys, 1):
        uses.begin(key, size)
    clock.advance(500)
    for size in range(len(keys), 1000):
        uses.begin(b"late", 0)  # its own dict stays small
        uses.begin(keys[0], size)
    assert uses.memory_usage() > before
    assert uses.idle_ms(keys[0]) == 0
    assert sum(uses.idle_ms(key) == 500 for key in keys) >= len(keys) - 5  # a few may share the place of the first


def test_flushed_keys_are_forgotten() -> None:
    """When all keys are gone their past is, and the tables are small again."""
    _, uses = uses_of(True)
    small = uses.memory_usage()
    for size in range(1000):
        uses.begin(b"k", size)
        uses.touch(b"k")
    uses.clear()
    uses.begin(b"k", 1)
    assert uses.frequency(b"k") == 5
    assert uses.memory_usage() == small


def test_pause_hides_touches_and_not_notes() -> None:
    """While uses are paused touches leave no trace; what is noted expressly does."""
    _, uses = uses_of(True)
    uses.begin(b"k", 1)
    uses.is_paused = True
    uses.touch(b"k")
    assert uses.frequency(b"k") == 5
    uses.note(b"k")
    assert uses.frequency(b"k") == 6


def test_keys_of_before_seem_to_be_new() -> None:
    """Notes that begin while there are keys take them for just used, once."""
    clock, uses = uses_of(True)
    clock.advance(MINUTE_MS)
    assert uses.frequency(b"old") == 4
    clock, uses = uses_of(False)
    clock.advance(2000)
    assert uses.idle_ms(b"old") == 2000


def test_what_was_noted_elsewhere_is_taken_over() -> None:
    """A key that comes from another server brings its idle time or its counter along."""
    clock, uses = uses_of(False)
    uses.set_idle_ms(b"k", 90_000)
    clock.advance(20)
    assert uses.idle_ms(b"k") == 90_020
    uses.set_idle_ms(b"k", 1 << 62)
    assert uses.idle_ms(b"k") == 0xFFFFFFFF * 20
    clock, uses = uses_of(True)
    uses.set_frequency(b"k", 200)
    clock.advance(2 * MINUTE_MS)
    assert uses.frequency(b"k") == 198
