# cython: boundscheck=False, wraparound=False, cdivision=True
"""Nodes: the pieces in which a stream keeps its entries, sized as the reference sizes its own.

Approximate trimming drops whole nodes, so clients can see where one ends. That is why a node counts the bytes that its
entries would take in the reference's listpacks, and why entries deleted from its middle keep counting until it is
empty.

A node packs its entries into one `bytearray`, since an object for each ID, entry and value took six times as much
memory as the reference. An entry is a row of numbers and texts: the first half of its ID as its distance from the
node's, the second half, twice the count of its fields (and one, if they are the node's own, which are left out then),
and fields and values in turn, each behind its length. A number is seven bits a byte, the lowest first; all its bytes
but the last have the highest bit set.
"""

from array import array

import cython

from geventcache.base import native
from geventcache.types import listpack, offsets
from geventcache.types.listpack import HEADER_BYTES
from geventcache.types.stream_ids import MAX_HALF, SEQ_BITS, EntryId, Fields, make_id

SMALL = 2
EMPTY_STARTS = array("I")


def integer_size(value: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Bytes that a count takes as an entry of a listpack."""
    return listpack.width_of(value, False) + 1


def difference_size(value: cython.ulonglong, base: cython.ulonglong) -> cython.Py_ssize_t:
    """Bytes that the difference of two halves of IDs takes as an entry of a listpack: 64 bits, signed."""
    is_negative: cython.bint = value < base
    distance: cython.ulonglong = base - value if is_negative else value - base
    if distance >> (SEQ_BITS - 1):
        return listpack.width_of(MAX_HALF - distance + 1, not is_negative) + 1
    return listpack.width_of(distance, is_negative) + 1


def pack_number(data: bytearray, number: cython.ulonglong) -> None:
    """Append a number."""
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)


def pack_text(data: bytearray, text: bytes) -> None:
    """Append a text behind its length."""
    pack_number(data, len(text))
    data += text


class Node:
    """Some entries that follow each other; an entry is known by its place among those that are left.

    Attributes:
        base_ms, base_seq: the halves of the ID of the first entry ever, the node's place among the others.
        tail_ms, tail_seq: those of the last entry ever, deleted or not.
        data: the packed entries; deleted ones stay in it until the node is empty.
        starts: where in `data` each entry begins.
        names: the fields of its first entry; entries with the same fields share these objects.
        deleted: how many entries were deleted from it.
        body: bytes that its entries take in the reference's listpacks.
        cursor: where in `data` the reading goes on.
        is_shared: several streams have it, or a reader: it is not to be changed.
    """

    def __init__(self, ms: cython.ulonglong, seq: cython.ulonglong, names: Fields) -> None:
        self.base_ms = self.tail_ms = ms
        self.base_seq = self.tail_seq = seq
        self.data = bytearray()
        self.starts = EMPTY_STARTS[:]
        self.names = names
        self.deleted = 0
        self.body = HEADER_BYTES + integer_size(len(names)) + SMALL
        self.cursor = 0
        self.is_shared = False
        for name in names:
            self.body += listpack.entry_size(name)

    def __len__(self) -> int:
        return len(self.starts)

    def base_id(self) -> EntryId:
        """The node's own ID."""
        return make_id(self.base_ms, self.base_seq)

    def tail_id(self) -> EntryId:
        """The ID of the last entry ever."""
        return make_id(self.tail_ms, self.tail_seq)

    def has_room(
        self, size: cython.Py_ssize_t, max_bytes: cython.Py_ssize_t, max_entries: cython.Py_ssize_t
    ) -> cython.bint:
        """Tell whether an entry of `size` bytes, fields and values together, may go into this node."""
        live: cython.Py_ssize_t = len(self.starts)
        if self.body + integer_size(live) + integer_size(self.deleted) + size >= max_bytes:
            return False
        return max_entries == 0 or live + self.deleted < max_entries

    def append(self, ms: cython.ulonglong, seq: cython.ulonglong, fields: Fields) -> None:
        """Add an entry at the end."""
        data = self.data
        item: bytes
        start: cython.Py_ssize_t = len(data)
        count: cython.Py_ssize_t = len(fields) >> 1
        has_names: cython.bint = self.has_names(fields)
        body: cython.Py_ssize_t = SMALL + difference_size(ms, self.base_ms) + difference_size(seq, self.base_seq)
        body += integer_size(count + 3) if has_names else integer_size(count) + integer_size(2 * count + 4)
        pack_number(data, ms - self.base_ms)
        pack_number(data, seq)
        pack_number(data, 2 * count + has_names)
        at: cython.Py_ssize_t = has_names
        step: cython.Py_ssize_t = 1 + has_names
        while at < 2 * count:
            item = fields[at]
            body += listpack.entry_size(item)
            pack_text(data, item)
            at += step
        offsets.add(self.starts, start)
        self.body += body
        self.tail_ms = ms
        self.tail_seq = seq

    def has_names(self, fields: Fields) -> cython.bint:
        """Tell whether an entry has the node's own fields."""
        names = self.names
        count: cython.Py_ssize_t = len(names)
        i: cython.Py_ssize_t = 0
        if len(fields) != 2 * count:
            return False
        while i < count and fields[2 * i] == names[i]:
            i += 1
        return i == count

    def number(self) -> cython.ulonglong:
        """Read the next number."""
        data = self.data
        cursor: cython.Py_ssize_t = self.cursor
        shift: cython.int = 7
        byte: cython.ulonglong = data[cursor]
        number: cython.ulonglong = byte & 127
        while byte > 127:
            cursor += 1
            byte = data[cursor]
            number |= (byte & 127) << shift
            shift += 7
        self.cursor = cursor + 1
        return number

    def text(self) -> bytes:
        """Read the next text."""
        size: cython.Py_ssize_t = self.number()
        start: cython.Py_ssize_t = self.cursor
        self.cursor = start + size
        return native.part_of_buffer(self.data, start, size)

    def read_id(self, at: cython.Py_ssize_t) -> tuple[int, int]:
        """The halves of an entry's ID, of which there is one; what is read next are its fields."""
        self.cursor = offsets.at(self.starts, at)
        ms: cython.ulonglong = self.number()
        seq: cython.ulonglong = self.number()
        return self.base_ms + ms, seq

    def read_fields(self) -> Fields:
        """The fields and values of the entry whose ID was read just now."""
        names = self.names
        fields: list[bytes] = []
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t = self.number()
        if count & 1:
            for i in range(len(names)):
                fields.append(names[i])
                fields.append(self.text())
        else:
            for _ in range(count):
                fields.append(self.text())
        return tuple(fields)

    def fields_at(self, at: cython.Py_ssize_t) -> Fields:
        """The fields and values of an entry."""
        self.read_id(at)
        return self.read_fields()

    def position(self, ms: cython.ulonglong, seq: cython.ulonglong, after: cython.bint) -> cython.Py_ssize_t:
        """Where an ID is or belongs: in front of an equal one, or behind it with `after`."""
        low: cython.Py_ssize_t = 0
        high: cython.Py_ssize_t = len(self.starts)
        middle: cython.Py_ssize_t
        found_ms: cython.ulonglong
        found_seq: cython.ulonglong
        while low < high:
            middle = (low + high) >> 1
            found_ms, found_seq = self.read_id(middle)
            if found_ms < ms or (found_ms == ms and (found_seq < seq or (after and found_seq == seq))):
                low = middle + 1
            else:
                high = middle
        return low

    def drop(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Delete the entries at start to stop - 1."""
        self.starts = self.starts[:start] + self.starts[stop:]
        self.deleted += stop - start

    def memory_usage(self) -> int:
        """Bytes that the entries take, deleted ones and room for more included."""
        return self.data.__sizeof__() + self.starts.__sizeof__()

    def copy(self) -> "Node":
        """An equal node that shares nothing that changes, with one owner."""
        twin = Node(self.base_ms, self.base_seq, self.names)
        twin.tail_ms = self.tail_ms
        twin.tail_seq = self.tail_seq
        twin.data = bytearray(self.data)  # without memory, Python frees a slice that is half made
        twin.starts = self.starts[:]
        twin.deleted = self.deleted
        twin.body = self.body
        return twin
