# cython: boundscheck=False, wraparound=False, cdivision=True
"""When the keys of a database were used last, or how often: what the policies lru and lfu go by.

The rules:

- There is nothing a key: a key's use is noted in a table, at the place that its hash names. Tables have two to four
  places a key, of four bytes each; a box with a field for it would be 48. Two keys that share a place are taken for one
  another: the one that is used less seems to be used as the other, and stays longer than it should.
- Each dict of the database has a table of its own, which doubles when the dict has grown: what was noted stays.
- A place knows nothing of keys coming and going: a key that comes back is known by its past.
- For lru a place holds a time, in ticks of 20 ms. For lfu it holds a time in minutes and, in its low byte, a counter
  that grows the more slowly the higher it is, and decays.

The counter is the reference's, as its configuration file describes it: it begins at 5, and is increased with a
probability of 1 / ((counter - 5) * lfu-log-factor + 1).
"""

from array import array

import cython

from geventcache.types.random_pick import below

SHARDS = 256
PLACES_A_KEY = 2
FEWEST_PLACES = 64
PLACE_BYTES = 4
TICK_MS = 20
TICKS = 0xFFFFFFFF
MINUTE_MS = 60_000
MINUTES = 0xFFFF
FIRST_COUNT = 5
MOST = 255


def words(table: array) -> cython.p_uint:
    """The places of a table, as what is quickest to index."""
    if cython.compiled:
        return table.data.as_uints  # type: ignore[attr-defined]
    else:  # noqa: RET505
        return table


class Uses:
    """The uses of one database's keys.

    Attributes:
        counts: how often is noted, and not when.
        is_paused: uses are not noted: a client that is not to leave traces is at work.
        log_factor, decay_minutes: of the counters.
    """

    def __init__(self, clock, counts, sizes) -> None:
        self.clock = clock
        self.counts = counts
        self.is_paused = False
        self.log_factor = 10
        self.decay_minutes = 1
        self.places = 0
        self.tables = [self.new_table(size) for size in sizes]

    def new_table(self, size):
        """A table for `size` keys, which seem to be used now for the first time."""
        places = FEWEST_PLACES
        while places < size * PLACES_A_KEY:
            places *= 2
        self.places += places
        return array("I", [self.first()]) * places

    def clear(self):
        """Forget all uses: the keys are gone."""
        self.places = 0
        self.tables = [self.new_table(0) for _ in range(SHARDS)]

    def memory_usage(self):
        """Bytes of the tables."""
        return PLACE_BYTES * self.places

    # ------------------------------------------------------------------ noting

    def touch(self, key):
        """A key was used; nothing is noted of it while uses are paused."""
        if not self.is_paused:
            self.note(key)

    def note(self, key):
        """Note a use of a key."""
        h: cython.Py_ssize_t = hash(key)
        table: array = self.tables[h & 255]
        at: cython.Py_ssize_t = (h >> 8) & (len(table) - 1)
        places = words(table)
        places[at] = self.counted(places[at]) if self.counts else self.ticks()

    def begin(self, key, size):
        """A key has come to a dict that now has `size` of them."""
        h: cython.Py_ssize_t = hash(key)
        table: array = self.tables[h & 255]
        if len(table) < size * PLACES_A_KEY:
            self.places += len(table)
            table = self.tables[h & 255] = table + table
        at: cython.Py_ssize_t = (h >> 8) & (len(table) - 1)
        places = words(table)
        if not self.counts:
            places[at] = self.ticks()
        elif self.decayed(places[at]) < FIRST_COUNT:
            places[at] = self.first()

    def set_frequency(self, key, count):
        """Note how often a key was used elsewhere, 0 to 255."""
        self.set_place(key, self.minutes() << 16 | count)

    def set_idle_ms(self, key, idle_ms):
        """Note for how long a key was not used elsewhere; what is longer than a table can hold is cut to that."""
        self.set_place(key, (self.ticks() - min(idle_ms // TICK_MS, TICKS)) & TICKS)

    def set_place(self, key, noted):
        """Put down what is noted of a key."""
        h: cython.Py_ssize_t = hash(key)
        table: array = self.tables[h & 255]
        words(table)[(h >> 8) & (len(table) - 1)] = noted

    def ticks(self):
        """The time, for lru."""
        return (self.clock.now_ms // TICK_MS) & TICKS

    def minutes(self):
        """The time, for lfu."""
        return (self.clock.now_ms // MINUTE_MS) & MINUTES

    def first(self):
        """What is noted of a key that is new."""
        return self.minutes() << 16 | FIRST_COUNT if self.counts else self.ticks()

    def counted(self, place):
        """What is noted of a key that is used once more."""
        count: cython.uint = self.decayed(place)
        base: cython.longlong = max(count, FIRST_COUNT) - FIRST_COUNT
        if count < MOST and below(base * self.log_factor + 1) == 0:
            count += 1
        return self.minutes() << 16 | count

    def decayed(self, place):
        """The counter as it is now."""
        count: cython.uint = place & MOST
        if not self.decay_minutes:
            return count
        periods: cython.uint = ((self.minutes() - (place >> 16)) & MINUTES) // self.decay_minutes
        return count - min(periods, count)

    # ------------------------------------------------------------------ asking

    def place(self, key):
        """What is noted of a key."""
        h: cython.Py_ssize_t = hash(key)
        table: array = self.tables[h & 255]
        return words(table)[(h >> 8) & (len(table) - 1)]

    def frequency(self, key):
        """The counter of a key, 0 to 255."""
        return self.decayed(self.place(key))

    def idle_ms(self, key):
        """For how long a key was not used, in milliseconds, in steps of a tick."""
        return ((self.ticks() - self.place(key)) & TICKS) * TICK_MS
