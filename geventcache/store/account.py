# cython: boundscheck=False, wraparound=False, cdivision=True
"""The account of a database's memory: what its keys and values take, kept while there is a limit to obey.

The rules:

- Sizes are those of the allocator. Strings are exact. A container is weighed anew when a command has changed it: a
  small one at once, a large one every so often and from a few elements; in between it grows and shrinks by its mean
  element.
- What is not a key's own (the dicts' tables, boxes, tickets, the memory of uses) is `overhead`, looked at whenever so
  many keys have come or gone that it may matter, and whenever somebody asks.
- Values that wait to be freed in slices have left the account: they are as good as gone.
- An account that begins while there are keys covers one dict after the other; a key in a dict that is not yet covered
  counts nothing.
- `limit` is never looked up: whoever adds compares, and reports the first excess to `on_exceeded`.
"""

from collections.abc import Callable

import cython

from geventcache.base.times import NEVER_MS
from geventcache.store.entry import Entry
from geventcache.types.container import Container
from geventcache.types.footprint import bytes_size

SHARDS = 256
UNLIMITED = NEVER_MS
SLOT_BYTES = 42  # an entry of a dict that is as full as dicts are on the average
BOX_BYTES = 48 if cython.compiled else 200
TICKET_BYTES = 8
STALE_KEY_BYTES = 64  # a stale ticket keeps a key's name until it is swept out
BUCKET_BYTES = 176  # a list with its first items, its time, and both in a dict and in the heap
SOONEST_GLANCE = 16
LATEST_GLANCE = 1024
GLANCED_SHARE = 64
SMALL = 64
WEIGHED_EVERY = 64
ROUGHLY = 16


class Account:
    """Bytes that are used, of a database or (without a keyspace) of all of them.

    Attributes:
        keyspace: the database, None for the sum.
        total: the Account that this one is part of, None for the sum itself.
        used: bytes.
        overhead: how many of them are not keys or values.
        covered: how many of the database's dicts are in the account.
        limit: bytes that may be used, UNLIMITED if any number may.
        is_exceeded: `used` went beyond `limit`, and nobody has taken that back.
    """

    def __init__(self, keyspace, total, on_exceeded) -> None:
        self.keyspace = keyspace
        self.total = total
        self.on_exceeded: Callable[[], None] = on_exceeded
        self.used = 0
        self.overhead = 0
        self.covered = 0
        self.limit = UNLIMITED
        self.is_exceeded = False
        self.buffers: dict[bytes, int] = {}
        self.until_glance = SOONEST_GLANCE

    def add(self, size):
        """Add bytes, or take some away."""
        self.used += size
        if self.used > self.limit and not self.is_exceeded:
            self.is_exceeded = True
            self.on_exceeded()
        if self.total is not None:
            self.total.add(size)

    # ------------------------------------------------------------------ keys and values

    def arrive(self, key, value):
        """A key has come, with its value."""
        if (hash(key) & 255) < self.covered:
            self.add(SLOT_BYTES + bytes_size(len(key)) + self.weigh(key, value))
            self.count()

    def leave(self, key, value):
        """A key has gone."""
        if (hash(key) & 255) < self.covered:
            self.add(-SLOT_BYTES - bytes_size(len(key)) - self.forget(key, value))
            self.count()

    def exchange(self, key, old, value):
        """A key has another value."""
        if (hash(key) & 255) < self.covered:
            size: cython.longlong = self.forget(key, old)
            self.add(self.weigh(key, value) - size)

    def follow(self, key, value, is_whole=False):
        """The value at a key may have changed in place; `is_whole`: in ways that its mean element does not tell."""
        if (hash(key) & 255) < self.covered:
            if isinstance(value, Container):
                if cython.cast(Container, value).charge:  # else it is no longer at its key
                    self.add(reweigh(value, is_whole))
            elif type(value) is bytearray:
                self.exchange(key, value, value)

    def weigh(self, key, value):
        """Bytes of a value, remembered where it can change in place."""
        if isinstance(value, Container):
            container: Container = value
            container.charge = container.memory_usage()
            container.charged_length = len(value)
            return container.charge
        size: cython.longlong = string_size(value)
        if type(value) is bytearray:
            self.buffers[key] = size
        return size

    def forget(self, key, value):
        """Bytes that a value was weighed at; they are remembered no longer."""
        if isinstance(value, Container):
            container: Container = value
            size: cython.longlong = container.charge
            container.charge = 0
            return size
        if type(value) is bytearray:
            return self.buffers.pop(key, 0)
        return string_size(value)

    # ------------------------------------------------------------------ what is not a key's own

    def count(self):
        """A key has come or gone: look at the overhead from time to time."""
        self.until_glance -= 1
        if self.until_glance <= 0:
            self.glance()

    def glance(self):
        """Find out what the database takes beside its keys and values."""
        keyspace = self.keyspace
        size: cython.Py_ssize_t = len(keyspace)
        self.until_glance = min(SOONEST_GLANCE + size // GLANCED_SHARE, LATEST_GLANCE)
        tables = sum([shard.__sizeof__() for shard in keyspace.shards]) - SLOT_BYTES * size
        index = keyspace.deadlines
        tickets = index.buckets.__sizeof__() + BUCKET_BYTES * len(index.buckets) + TICKET_BYTES * index.tickets
        tickets += STALE_KEY_BYTES * index.stale
        uses = keyspace.uses.memory_usage() if keyspace.uses is not None else 0
        overhead: cython.longlong = tables + tickets + uses + BOX_BYTES * keyspace.boxed
        self.add(overhead - self.overhead)
        self.overhead = overhead

    # ------------------------------------------------------------------ all keys

    def cover(self):
        """Take one more dict of the database into the account; False when all were there already."""
        if self.covered == SHARDS:
            return False
        shard: dict = self.keyspace.shards[self.covered]
        self.covered += 1
        size: cython.longlong = 0
        for key, value in shard.items():
            if type(value) is Entry:
                value = cython.cast(Entry, value).value
            size += SLOT_BYTES + bytes_size(len(key)) + self.weigh(key, value)
        self.add(size)
        if self.covered == SHARDS:
            self.glance()
        return True

    def clear(self):
        """All keys are gone."""
        self.add(-self.used)
        self.overhead = 0
        self.buffers = {}
        self.covered = SHARDS

    def swap(self, other):
        """Two databases have exchanged their keys; each keeps its limit."""
        change: cython.longlong = other.used - self.used
        self.overhead, other.overhead = other.overhead, self.overhead
        self.covered, other.covered = other.covered, self.covered
        self.buffers, other.buffers = other.buffers, self.buffers
        self.add(change)
        other.add(-change)


def reweigh(container, is_whole):
    """Weigh a container that may have changed, and return by how many bytes it did; `is_whole` guesses nothing."""
    old: cython.longlong = container.charge
    size: cython.Py_ssize_t = len(container)
    change: cython.Py_ssize_t = size - container.charged_length
    if not is_whole and size > SMALL and container.revision % WEIGHED_EVERY and -size < change * ROUGHLY < size:
        container.charge += change * (old // container.charged_length)
    else:
        container.charge = container.memory_usage()
    container.charged_length = size
    return container.charge - old


def key_usage(key, value, is_boxed):
    """Bytes that a key takes with its value; a box is what holds a deadline."""
    size = value.memory_usage() if isinstance(value, Container) else string_size(value)
    return SLOT_BYTES + bytes_size(len(key)) + size + (BOX_BYTES if is_boxed else 0)


def string_size(value):
    """Bytes that a string takes, of whatever kind."""
    if type(value) is bytes:
        return bytes_size(len(value))
    return -(-int(value.__sizeof__()) // 16) * 16
