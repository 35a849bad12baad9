# cython: boundscheck=False, cdivision=True
"""When the keys of a database were used last, or how often: what the policies lru and lfu go by.

The rules:

- A key's use is 32 bits in its record of the table. For lru it is a time, in ticks of 20 ms. For lfu it is a time in
  minutes and, in its low byte, a counter that grows the more slowly the higher it is, and decays. The highest bit tells
  which of both it is.
- A key of which nothing was noted yet, or by a policy of the other kind, seems to have been used when this one began.

The counter is the reference's, as its configuration file describes it: it begins at 5, and is increased with a
probability of 1 / ((counter - 5) * lfu-log-factor + 1).
"""

import cython

from geventcache.types.random_pick import below

TICK_MS = 20
TICKS = 0x7FFFFFFF
COUNTED = 0x80000000
MINUTE_MS = 60_000
MINUTES = 0x7FFF
FIRST_COUNT = 5
MOST = 255


class Uses:
    """The uses of one database's keys; the methods are about the key at the place of a table.

    Attributes:
        counts: how often is noted, and not when.
        is_paused: uses are not noted: a client that is not to leave traces is at work.
        log_factor, decay_minutes: of the counters.
    """

    def __init__(self, clock, counts) -> None:
        self.clock = clock
        self.counts = counts
        self.is_paused = False
        self.log_factor = 10
        self.decay_minutes = 1
        self.beginning = self.first()

    # ------------------------------------------------------------------ noting

    def note(self, table):
        """The key was used; nothing is noted of it while uses are paused."""
        if not self.is_paused:
            self.note_always(table)

    def note_always(self, table):
        """Note a use of the key, paused or not."""
        table.note_use(self.counted(self.noted(table.use())) if self.counts else self.ticks())

    def begin(self, table):
        """The key is new."""
        table.note_use(self.first())

    def set_frequency(self, table, count):
        """Note how often the key was used elsewhere, 0 to 255."""
        table.note_use(COUNTED | self.minutes() << 16 | count)

    def set_idle_ms(self, table, idle_ms):
        """Note for how long the key was not used elsewhere; what is longer than can be noted is cut to that."""
        table.note_use((self.ticks() - min(idle_ms // TICK_MS, TICKS)) & TICKS or 1)

    def ticks(self):
        """The time, for lru; never 0, which says that nothing was noted."""
        return (self.clock.real_ms() // TICK_MS) & TICKS or 1

    def minutes(self):
        """The time, for lfu."""
        return (self.clock.real_ms() // MINUTE_MS) & MINUTES

    def first(self):
        """What is noted of a key that is new."""
        return COUNTED | self.minutes() << 16 | FIRST_COUNT if self.counts else self.ticks()

    def counted(self, use):
        """What is noted of a key that is used once more."""
        count: cython.uint = self.decayed(use)
        base: cython.longlong = max(count, FIRST_COUNT) - FIRST_COUNT
        if count < MOST and below(base * self.log_factor + 1) == 0:
            count += 1
        return COUNTED | self.minutes() << 16 | count

    def decayed(self, use):
        """The counter as it is now."""
        count: cython.uint = use & MOST
        if not self.decay_minutes:
            return count
        periods: cython.uint = ((self.minutes() - (use >> 16)) & MINUTES) // self.decay_minutes
        return count - min(periods, count)

    # ------------------------------------------------------------------ asking

    def noted(self, use):
        """What counts of what a record holds."""
        return use if use and (use & COUNTED != 0) == self.counts else self.beginning

    def frequency(self, table):
        """The counter of the key, 0 to 255."""
        return self.frequency_of(table.use())

    def frequency_of(self, use):
        """The counter of a key whose record holds this."""
        return self.decayed(self.noted(use))

    def idle_ms(self, table):
        """For how long the key was not used, in milliseconds, in steps of a tick."""
        return self.idle_ms_of(table.use())

    def idle_ms_of(self, use):
        """For how long a key was not used whose record holds this."""
        return ((self.ticks() - self.noted(use)) & TICKS) * TICK_MS
