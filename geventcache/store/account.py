# cython: boundscheck=False, wraparound=False, cdivision=True
"""The account of a database's memory: what its keys and values take, kept while there is a limit to obey.

The rules:

- The table counts what it holds itself, keys and most values. What it only refers to (objects: containers,
  bytearrays, large strings) is weighed here: a small container whenever a command has changed it, a large one every
  so often and from a few elements; in between it grows and shrinks by its mean element.
- Values that wait to be freed in slices have left the account: they are as good as gone.
- An account that begins while there are keys covers the table in slices, in the order of positions; an object whose
  key's position is not yet covered counts nothing.
- `limit` is never looked up: whoever adds compares, and reports the first excess to `on_exceeded`.
"""

from collections.abc import Callable

import cython

from geventcache.base.deadlines import Deadlines
from geventcache.base.table import END, OBJECT, Table
from geventcache.base.times import NEVER_MS
from geventcache.types.container import Container
from geventcache.types.footprint import block_size, bytes_size

UNLIMITED = NEVER_MS
COVERED_A_STEP = 512
# A bytearray is two blocks: itself, and its bytes.
BYTEARRAY_BYTES = 56
BYTEARRAY_BLOCK = 64
# What the account remembers of a bytearray: an entry of a dict, with a number, beside the key.
NOTE_BYTES = 80
SMALL = 64
WEIGHED_EVERY = 64
ROUGHLY = 16


class Account:
    """Bytes that are used, of a database or (without a keyspace) of all of them.

    Attributes:
        keyspace: the database, None for the sum.
        total: the Account that this one is part of, None for the sum itself.
        used: bytes.
        charged: how many of them are of objects.
        covered: the position up to which objects are in the account.
        limit: bytes that may be used, UNLIMITED if any number may.
        is_exceeded: `used` went beyond `limit`, and nobody has taken that back.
    """

    def __init__(self, keyspace, total, on_exceeded) -> None:
        self.keyspace = keyspace
        self.total = total
        self.on_exceeded: Callable[[], None] = on_exceeded
        self.used = 0
        self.charged = 0
        self.covered = 0
        self.limit = UNLIMITED
        self.is_exceeded = False
        self.buffers: dict[bytes, int] = {}

    def add(self, size):
        """Add bytes, or take some away. It raises nothing."""
        self.used += size
        if self.total is not None:
            self.total.add(size)
        if self.used > self.limit and not self.is_exceeded:
            try:
                self.on_exceeded()
                self.is_exceeded = True
            except MemoryError:
                pass  # it is reported with the next change

    def sync(self):
        """The table, the tickets or an object may have grown or shrunk: take notice. It raises nothing."""
        table: Table = self.keyspace.table
        deadlines: Deadlines = self.keyspace.deadlines
        size: cython.longlong = self.charged + table.memory + deadlines.memory_usage()
        if size != self.used:
            self.add(size - self.used)

    def overhead(self):
        """Bytes that are of no single key."""
        return self.keyspace.table.structure + self.keyspace.deadlines.memory_usage()

    # ------------------------------------------------------------------ objects

    def covers(self, key):
        """Is the object at a key in the account?"""
        table: Table = self.keyspace.table
        return self.covered == END or cython.cast(cython.longlong, table.position(key)) < self.covered

    def weight(self, key, value):
        """Bytes of an object that is about to come to a key; None if they do not count yet, or never, as of an int.

        With this known, to take the object into the account needs no memory.
        """
        return self.weigh(key, value) if type(value) is not int and self.covers(key) else None

    def let_be(self, key):
        """What was weighed for a key does not come."""
        if self.buffers.get(key) == 0:
            del self.buffers[key]

    def exchange(self, key, old, value, weight):
        """At a key, an object of that weight has taken the place of another; None for no object."""
        is_counted: cython.bint = value is not None and weight is not None
        if old is not None and not (is_counted and type(value) is bytearray and type(old) is bytearray):
            self.release(key, old)
        if is_counted:
            self.hold(key, value, weight)

    def hold(self, key, value, weight):
        """Count an object."""
        size: cython.longlong = weight
        if isinstance(value, Container):
            container: Container = value
            container.charge = size
            container.charged_length = len(value)
        elif type(value) is bytearray:
            self.charged -= self.buffers[key]
            self.buffers[key] = weight
        self.charged += size

    def release(self, key, value):
        """An object has gone from a key."""
        if self.covers(key):
            self.charged -= self.forget(key, value)

    def follow(self, key, value, is_whole=False):
        """The object at a key may have changed in place; `is_whole`: in ways that its mean element does not tell."""
        try:
            if isinstance(value, Container):
                if cython.cast(Container, value).charge:  # else it is no longer at its key, or not covered
                    self.charged += reweigh(value, is_whole)
            elif key in self.buffers:
                self.hold(key, value, self.weigh(key, value))
        except MemoryError:
            pass  # it is weighed with the next change

    def weigh(self, key, value):
        """Bytes of an object, for `hold`, which needs a place for them where a bytearray can change."""
        if isinstance(value, Container):
            return cython.cast(Container, value).memory_usage()
        size: cython.longlong = object_size(value)
        if type(value) is bytearray:
            size += NOTE_BYTES + bytes_size(len(key))
            self.buffers.setdefault(key, 0)
        return size

    def forget(self, key, value):
        """Bytes that an object was weighed at; they are remembered no longer."""
        if isinstance(value, Container):
            container: Container = value
            size: cython.longlong = container.charge
            container.charge = 0
            return size
        if type(value) is bytearray:
            return self.buffers.pop(key, 0)
        return object_size(value)

    # ------------------------------------------------------------------ all keys

    def cover(self):
        """Take some more objects of the database into the account; False when all were there already."""
        if self.covered == END:
            return False
        table: Table = self.keyspace.table
        keys: list
        position, keys = table.page(self.covered, COVERED_A_STEP)
        found = [(key, table.value()) for key in keys if table.seek(key) == OBJECT]
        weights = [self.weigh(key, value) for key, value in found]
        for (key, value), weight in zip(found, weights, strict=True):
            self.hold(key, value, weight)
        self.covered = position
        self.sync()
        return True

    def clear(self):
        """All keys are gone."""
        self.charged = 0
        self.buffers.clear()
        self.covered = END
        self.sync()

    def begin_anew(self):
        """Other keys have taken the place of all: they have still to be counted."""
        self.charged = 0
        self.buffers.clear()
        self.covered = 0
        self.sync()
        self.on_exceeded()

    def swap(self, other):
        """Two databases have exchanged their keys; each keeps its limit."""
        self.charged, other.charged = other.charged, self.charged
        self.covered, other.covered = other.covered, self.covered
        self.buffers, other.buffers = other.buffers, self.buffers
        self.sync()
        other.sync()


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


def object_size(value):
    """Bytes that an object of a table takes."""
    if isinstance(value, Container):
        return value.memory_usage()
    if type(value) is bytes:
        return bytes_size(len(value))
    room: cython.Py_ssize_t = value.__sizeof__() - BYTEARRAY_BYTES
    return BYTEARRAY_BLOCK + block_size(room)
