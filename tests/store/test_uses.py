"""Notes of use: times and counters of the key at the place of a table."""

from __future__ import annotations

from geventcache.base.clock import ManualClock
from geventcache.base.table import Table
from geventcache.store.uses import Uses

from .keyspaces import START_MS

MINUTE_MS = 60_000


def uses_of(counts: bool) -> tuple[ManualClock, Uses, Table]:
    """Notes in which every use counts, their clock, and a table at the place of a key of which nothing is noted."""
    clock = ManualClock(START_MS)
    uses = Uses(clock, counts)
    uses.log_factor = 0
    table = Table()
    table.seek(b"k")
    table.put(b"v")
    return clock, uses, table


def test_idle_time_begins_with_each_use() -> None:
    """A key is idle since its coming, or since it was used last."""
    clock, uses, table = uses_of(False)
    uses.begin(table)
    clock.advance(3000)
    assert uses.idle_ms(table) == 3000
    uses.note(table)
    clock.advance(40)
    assert uses.idle_ms(table) == 40


def test_counter_grows_and_decays() -> None:
    """A counter begins at 5, ends at 255, and goes down by one for each lfu-decay-time since the last use."""
    clock, uses, table = uses_of(True)
    uses.begin(table)
    assert uses.frequency(table) == 5
    for _ in range(300):
        uses.note(table)
    assert uses.frequency(table) == 255
    clock.advance(10 * MINUTE_MS)
    assert uses.frequency(table) == 245
    uses.decay_minutes = 5
    assert uses.frequency(table) == 253
    uses.decay_minutes = 0
    assert uses.frequency(table) == 255
    uses.decay_minutes = 1
    clock.advance(1000 * MINUTE_MS)
    assert uses.frequency(table) == 0


def test_factor_slows_the_counter() -> None:
    """With a factor the counter grows the more slowly the higher it is."""
    _, uses, table = uses_of(True)
    uses.log_factor = 10
    uses.begin(table)
    for _ in range(1000):
        uses.note(table)
    assert 10 < uses.frequency(table) < 60


def test_pause_hides_touches_and_not_notes() -> None:
    """While uses are paused touches leave no trace; what is noted expressly does."""
    _, uses, table = uses_of(True)
    uses.begin(table)
    uses.is_paused = True
    uses.note(table)
    assert uses.frequency(table) == 5
    uses.note_always(table)
    assert uses.frequency(table) == 6


def test_keys_of_before_seem_to_be_new() -> None:
    """Notes that begin while there are keys take them for just used, once."""
    clock, uses, table = uses_of(True)
    clock.advance(MINUTE_MS)
    assert uses.frequency(table) == 4
    clock, uses, table = uses_of(False)
    clock.advance(2000)
    assert uses.idle_ms(table) == 2000


def test_what_was_noted_elsewhere_is_taken_over() -> None:
    """A key that comes from another server brings its idle time or its counter along."""
    clock, uses, table = uses_of(False)
    uses.set_idle_ms(table, 90_000)
    clock.advance(20)
    assert uses.idle_ms(table) == 90_020
    uses.set_idle_ms(table, 1 << 62)
    assert uses.idle_ms(table) == 0x7FFFFFFF * 20
    clock, uses, table = uses_of(True)
    uses.set_frequency(table, 200)
    clock.advance(2 * MINUTE_MS)
    assert uses.frequency(table) == 198
