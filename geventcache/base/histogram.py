"""A histogram of non-negative integers with a bounded relative error, for percentiles that cost an increment a value.

Values up to 32 have a slot each; above, every power of two is divided into 16 slots, so that a percentile is at most
6.25 % off.
"""

import cython

EXACT = 32
SUB_SLOTS = 16
SLOTS = EXACT + SUB_SLOTS * 58
ZEROS = [0] * SLOTS


class Histogram:
    """Counts of values.

    Attributes:
        count: how many values were recorded.
        total: their sum.
        maximum: the largest.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self):
        """Forget everything."""
        self.slots = list(ZEROS)
        self.count = 0
        self.total = 0
        self.maximum = 0

    def record(self, value):
        """Count one value; a negative one counts as 0."""
        self.record_many(value, 1)

    def record_many(self, value, times):
        """Count one value several times."""
        if value < 0:
            value = 0
        i: cython.Py_ssize_t = value if value < EXACT else slot_of(value)
        self.slots[i] += times
        self.count += times
        self.total += value * times
        if value > self.maximum:
            self.maximum = value

    def percentile(self, percent):
        """The value that `percent` (0 to 100) of all values do not exceed; 0 when there are none."""
        wanted = self.count * percent / 100
        seen = 0
        for i, n in enumerate(self.slots):
            seen += n
            if n and seen >= wanted:
                return min(upper_bound(i), self.maximum)
        return 0

    def buckets(self):
        """Pairs (largest value, count) of the slots in use."""
        return [(min(upper_bound(i), self.maximum), n) for i, n in enumerate(self.slots) if n]


def slot_of(value):
    """The slot that counts `value`."""
    if value < EXACT:
        return value
    shift: cython.int = 0
    rest: cython.longlong = value
    while rest >= EXACT:
        rest >>= 1
        shift += 1
    return EXACT + (shift - 1) * SUB_SLOTS + (rest - SUB_SLOTS)


def upper_bound(i):
    """The largest value that slot `i` counts."""
    if i < EXACT:
        return i
    shift, part = divmod(i - EXACT, SUB_SLOTS)
    return ((SUB_SLOTS + part + 1) << (shift + 1)) - 1
