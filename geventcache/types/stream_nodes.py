# cython: boundscheck=False, wraparound=False, cdivision=True
"""Nodes: the pieces in which a stream keeps its entries, sized as the reference sizes its own.

Approximate trimming drops whole nodes, so clients can see where one ends. That is why a node counts the bytes that its
entries would take in the reference's listpacks, and why entries deleted from its middle keep counting until it is
empty.
"""

import cython

from geventcache.types.listpack import HEADER_BYTES
from geventcache.types.stream_ids import MAX_HALF, SEQ_BITS, EntryId, Fields

if not cython.compiled:
    from geventcache.types.listpack import entry_size, width_of

SMALL = 2


def integer_size(value: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Bytes that a count takes as an entry of a listpack."""
    return width_of(value, False) + 1


def difference_size(value: cython.ulonglong, base: cython.ulonglong) -> cython.Py_ssize_t:
    """Bytes that the difference of two halves of IDs takes as an entry of a listpack: 64 bits, signed."""
    is_negative: cython.bint = value < base
    distance: cython.ulonglong = base - value if is_negative else value - base
    if distance >> (SEQ_BITS - 1):
        return width_of(MAX_HALF - distance + 1, not is_negative) + 1
    return width_of(distance, is_negative) + 1


class Node:
    """Some entries that follow each other.

    Attributes:
        base_id: the ID of the first entry ever, which stays the node's place among the others.
        tail_id: the ID of the last entry ever, deleted or not.
        ids: the IDs of its entries, in order.
        entries: the entries, each a tuple of fields and values in turn.
        names: the fields of its first entry; entries with the same fields share these objects.
        deleted: how many entries were deleted from it.
        body: bytes that its entries take in the reference's listpacks.
    """

    def __init__(self, entry_id: EntryId, names: Fields) -> None:
        self.base_id = entry_id
        self.base_ms = entry_id >> SEQ_BITS
        self.base_seq = entry_id & MAX_HALF
        self.tail_id = entry_id
        self.ids: list[EntryId] = []
        self.entries: list[Fields] = []
        self.names = names
        self.deleted = 0
        self.body = HEADER_BYTES + integer_size(len(names)) + SMALL
        for name in names:
            self.body += entry_size(name)

    def has_room(
        self, size: cython.Py_ssize_t, max_bytes: cython.Py_ssize_t, max_entries: cython.Py_ssize_t
    ) -> cython.bint:
        """Tell whether an entry of `size` bytes, fields and values together, may go into this node."""
        live: cython.Py_ssize_t = len(self.ids)
        if self.body + integer_size(live) + integer_size(self.deleted) + size >= max_bytes:
            return False
        return max_entries == 0 or live + self.deleted < max_entries

    def append(self, entry_id: EntryId, fields: Fields) -> None:
        """Add an entry at the end."""
        names = self.names
        count: cython.Py_ssize_t = len(fields) >> 1
        body: cython.Py_ssize_t = SMALL
        i: cython.Py_ssize_t = 0
        is_same: cython.bint = count == len(names)
        while is_same and i < count:
            is_same = fields[2 * i] == names[i]
            i += 1
        body += difference_size(entry_id >> SEQ_BITS, self.base_ms)
        body += difference_size(entry_id & MAX_HALF, self.base_seq)
        for i in range(count):
            body += entry_size(fields[2 * i + 1])
        if is_same:
            body += integer_size(count + 3)
            fields = self.share_names(fields)
        else:
            for i in range(count):
                body += entry_size(fields[2 * i])
            body += integer_size(count) + integer_size(2 * count + 4)
        self.body += body
        self.tail_id = entry_id
        self.ids.append(entry_id)
        self.entries.append(fields)

    def share_names(self, fields: Fields) -> Fields:
        """The same entry with the node's own field names."""
        names = self.names
        shared = list(fields)
        i: cython.Py_ssize_t
        for i in range(len(names)):
            shared[2 * i] = names[i]
        return tuple(shared)

    def drop(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Delete the entries at start to stop - 1."""
        del self.ids[start:stop]
        del self.entries[start:stop]
        self.deleted += stop - start

    def copy(self) -> "Node":
        """An equal node that shares no list."""
        twin = Node(self.base_id, self.names)
        twin.tail_id = self.tail_id
        twin.ids = self.ids.copy()
        twin.entries = self.entries.copy()
        twin.deleted = self.deleted
        twin.body = self.body
        return twin
