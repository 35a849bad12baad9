# cython: boundscheck=False, wraparound=False
"""SCAN over a database: stateless cursors in the order of the keys' hashes.

A key's place never changes: its shard, then the top bits of its hash. A cursor is the place up to which all is done, so
a key that stays for a whole scan is given out, whatever else comes and goes; and just once.

Sorting a shard for each page would cost O(keys of the shard). So the keys ahead of a place are sorted in windows of a
few thousand, and a page that ends inside of a window leaves it here for the next one, under a number that is part of
the cursor. A number is used again only for younger windows, and a window that is gone is made anew: what a cursor finds
was made by its own scan or later, and that is what the guarantee needs.

A cursor stays below 2**53, so that a client may hold it in a double::

    8 bits number of a window, 0 for none | 8 bits shard | 37 bits of the hash
"""

from bisect import bisect_left

import cython

SHARDS = 256
PREFIX_BITS = 37
PREFIX_END = 1 << PREFIX_BITS
PREFIX_SHIFT = 64 - PREFIX_BITS
SHARD_SHIFT = PREFIX_BITS
NUMBER_SHIFT = PREFIX_BITS + 8
NUMBERS = 256
HASH_MASK = 0xFFFFFFFFFFFFFFFF
WINDOW_KEYS = 2048
WINDOWS_KEPT = 16


class Window:
    """The keys of a shard whose prefixes go from `start` up to `end`, as they were once.

    Attributes:
        number: under which the scanner keeps it, 0 while it does not.
        shard: the dict that they are in.
        prefixes, keys: both in the order of the prefixes.
    """

    def __init__(self, shard, start, size) -> None:
        """Takes one pass over the shard; `size` is about how many keys to take."""
        self.number = 0
        self.shard = shard
        self.start = start
        self.end = min(PREFIX_END, start + max(1, PREFIX_END // max(1, len(shard)) * size))
        places = []
        first: cython.ulonglong = start
        last: cython.ulonglong = self.end
        prefix: cython.ulonglong
        for key in cython.cast(dict, shard):
            prefix = prefix_of(key)
            if first <= prefix < last:
                places.append((prefix, key))
        places.sort()
        self.prefixes = [place[0] for place in places]
        self.keys = [place[1] for place in places]

    def page(self, start, count):
        """Keys from the prefix `start` on, about `count` of them, and the prefix that comes after them.

        Keys of equal prefix go out together.
        """
        at = bisect_left(self.prefixes, start)
        stop = at + count
        if stop >= len(self.keys):
            return self.keys[at:], self.end
        stop = bisect_left(self.prefixes, self.prefixes[stop - 1] + 1)
        if stop == len(self.keys):
            return self.keys[at:], self.end
        return self.keys[at:stop], self.prefixes[stop]


class Scanner:
    """The scans under way over one database."""

    def __init__(self, keyspace) -> None:
        self.keyspace = keyspace
        self.windows: dict[int, Window] = {}
        self.last_number = 0

    def page(self, cursor, count):
        """The next cursor, 0 at the end, and about `count` keys or more; some of them may be gone meanwhile.

        Args:
            cursor: 0 to begin, or what the last page returned.
            count: at least 1.
        """
        number = cursor >> NUMBER_SHIFT
        shard_index = (cursor >> SHARD_SHIFT) & 255
        prefix = cursor & (PREFIX_END - 1)
        found: list = []
        if number >= NUMBERS:
            return 0, found
        window = self.windows.get(number)
        while shard_index < SHARDS:
            shard: dict = self.keyspace.shards[shard_index]
            while prefix < PREFIX_END and shard:
                if window is None or window.shard is not shard or not window.start <= prefix < window.end:
                    window = Window(shard, prefix, max(WINDOW_KEYS, count))
                keys, prefix = window.page(prefix, count - len(found))
                found += keys
                if prefix == window.end:
                    self.windows.pop(window.number, None)
                if len(found) >= count:
                    return self.cursor(shard_index, prefix, window), found
            shard_index += 1
            prefix = 0
            window = None
        return 0, found

    def cursor(self, shard_index, prefix, window):
        """The cursor that goes on at a place; the window is kept if the place is inside of it."""
        if prefix >= PREFIX_END:
            shard_index += 1
            prefix = 0
            if shard_index == SHARDS:
                return 0
        place = shard_index << SHARD_SHIFT | prefix
        if not window.start < prefix < window.end:
            return place
        if not window.number:
            self.keep(window)
        return window.number << NUMBER_SHIFT | place

    def keep(self, window):
        """Number a window, dropping the oldest when there are too many."""
        if len(self.windows) >= WINDOWS_KEPT:
            del self.windows[next(iter(self.windows))]
        self.last_number = self.last_number % (NUMBERS - 1) + 1
        self.windows[self.last_number] = window
        window.number = self.last_number


def prefix_of(key):
    """The place of a key in its shard: the top bits of its hash."""
    if cython.compiled:
        return cython.cast(cython.ulonglong, hash(key)) >> PREFIX_SHIFT
    return (hash(key) & HASH_MASK) >> PREFIX_SHIFT


def scan_keys(keyspace, cursor, count):
    """A page of a scan over a database: the next cursor, 0 at the end, and the live keys."""
    if keyspace.scanner is None:
        keyspace.scanner = Scanner(keyspace)
    next_cursor, keys = keyspace.scanner.page(cursor, count)
    return next_cursor, [key for key in keys if keyspace.find(key) is not None]
