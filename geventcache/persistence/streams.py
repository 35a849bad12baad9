"""Streams as snapshots hold them.

A node is two strings: its ID in sixteen bytes, the highest first, and a listpack: how many entries it has, how many
were deleted, the fields of its first entry, 0; then each entry: flags, the distance of both halves of its ID from the
node's, fields with values (or only values, where the fields are the node's), and how many elements that were. Behind
the nodes stand the stream's numbers and its groups.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any

import cython

from geventcache.persistence import kinds
from geventcache.persistence.cursor import Cursor, DataError
from geventcache.persistence.listpack import Listpack, as_text, read_listpack
from geventcache.persistence.output import Output
from geventcache.types.limits import EncodingLimits
from geventcache.types.stream_groups import UNKNOWN, Group, Pending
from geventcache.types.stream_ids import MAX_HALF, SEQ_BITS, make_id
from geventcache.types.stream_nodes import Node
from geventcache.types.streams import Stream

ID_SIZE = 16
DELETED = 1
SAME_FIELDS = 2
UNKNOWN_COUNT = MAX_HALF
MOST_COUNTED = (1 << 63) - 1
HALF_RANGE = 1 << 63
PENDING_A_SLICE = 512
NUMBERS_OF_STREAM = 8  # its length, three IDs, and how many entries there have been
NUMBERS_OF_GROUP = 3  # the last ID, and how many entries were read
TIME = Struct("<q")


# ---------------------------------------------------------------------- reading


def read_stream(cursor: Cursor, kind: int, limits: EncodingLimits) -> Stream:
    """The stream at the cursor.

    Raises:
        DataError: there is none.
    """
    stream = Stream(limits)
    for _ in range(checked_count(cursor.length())):
        base_id = cursor.string()
        if len(base_id) != ID_SIZE:
            raise DataError("a node of a stream has no ID")
        read_node(stream, int.from_bytes(base_id, "big"), read_listpack(cursor.string()))
    read_numbers(stream, cursor, kind)
    for _ in range(checked_count(cursor.length())):
        read_group(stream, cursor, kind)
    return stream


@cython.cfunc
def checked_count(number: int) -> int:
    """A number that C can count to."""
    if number > MOST_COUNTED:
        raise DataError("a number is out of range")
    return number


@cython.cfunc
def read_raw_id(cursor: Cursor) -> int:
    """An ID of sixteen bytes."""
    return int.from_bytes(cursor.take(ID_SIZE), "big")


@cython.cfunc
def read_id(cursor: Cursor) -> int:
    """An ID written as two lengths."""
    ms: int = cursor.length()
    return make_id(ms, cursor.length())


@cython.cfunc
def read_numbers(stream: Stream, cursor: Cursor, kind: int) -> None:
    """What stands between the nodes and the groups; older servers did not keep all of it."""
    length: int = cursor.length()
    last_id = read_id(cursor)
    entries_added, max_deleted_id = length, 0
    if kind != kinds.STREAM_5_0:
        read_id(cursor)  # the first ID, which the nodes tell
        max_deleted_id = read_id(cursor)
        entries_added = cursor.length()
    if length != len(stream) or last_id < stream.top_id():
        raise DataError("a stream is not what its numbers tell")
    stream.set_ids(last_id, checked_count(entries_added), max_deleted_id)


class Elements:
    """The elements of a listpack, one after the other."""

    def __init__(self, elements: list[Any]) -> None:
        self.elements = elements
        self.at = 0

    def next(self) -> Any:
        """The next element."""
        at: cython.Py_ssize_t = self.at
        if at >= len(self.elements):
            raise DataError("an entry of a stream is cut")
        self.at = at + 1
        return self.elements[at]

    def number(self) -> cython.longlong:
        """The next element, a number."""
        element = self.next()
        if not isinstance(element, int):
            raise DataError("an entry of a stream has no number where one belongs")
        return element

    def count(self) -> cython.Py_ssize_t:
        """The next element, a number of others."""
        number: cython.longlong = self.number()
        if not 0 <= number <= len(self.elements):
            raise DataError("a number in a stream is out of range")
        return number

    def texts(self, count: cython.Py_ssize_t) -> list[bytes]:
        """The next elements as strings."""
        texts: list[bytes] = []
        for _ in range(count):
            texts.append(as_text(self.next()))
        return texts


@cython.cfunc
def read_node(stream: Stream, base_id: int, elements: list[Any]) -> None:
    """Add one node to the stream, with the entries that were deleted from it: they count until it is empty."""
    source: Elements = Elements(elements)
    count: cython.Py_ssize_t = source.count()
    deleted: cython.Py_ssize_t = source.count()
    found: cython.Py_ssize_t = 0
    names = tuple(source.texts(source.count()))
    if source.number() != 0:
        raise DataError("a node of a stream has no end of its fields")
    if count == 0 or (stream.nodes and base_id <= stream.nodes[-1].tail_id()):
        raise DataError("a node of a stream is empty or out of order")
    node: Node = Node(base_id >> SEQ_BITS, base_id & MAX_HALF, names)
    i: cython.Py_ssize_t
    for i in range(count + deleted):
        found += read_entry(node, source, i == 0)
    if source.at != len(elements) or found != deleted:
        raise DataError("a node of a stream is not what its header tells")
    stream.add_node(node)


@cython.cfunc
@cython.exceptval(-1)
def read_entry(node: Node, source: Elements, is_first: cython.bint) -> cython.bint:
    """Add one entry to a node; return whether it was deleted. The first one may have the ID of the node."""
    start: cython.Py_ssize_t = source.at
    flags: cython.longlong = source.number()
    ms: cython.ulonglong = (node.base_ms + source.number()) & MAX_HALF
    seq: cython.ulonglong = (node.base_seq + source.number()) & MAX_HALF
    is_behind: cython.bint = ms > node.tail_ms or (ms == node.tail_ms and seq > node.tail_seq)
    is_tail: cython.bint = ms == node.tail_ms and seq == node.tail_seq
    if flags & ~(DELETED | SAME_FIELDS) or not (is_behind or (is_first and is_tail)):
        raise DataError("an entry of a stream is out of order")
    fields: list[bytes] = []
    if flags & SAME_FIELDS:
        for name in node.names:
            fields.append(name)
            fields.append(as_text(source.next()))
    else:
        fields = source.texts(2 * source.count())
    size: cython.Py_ssize_t = source.at - start
    if source.number() != size:
        raise DataError("an entry of a stream has another size")
    node.append(ms, seq, tuple(fields))
    is_deleted: cython.bint = (flags & DELETED) != 0
    if is_deleted:
        node.drop(len(node) - 1, len(node))
    return is_deleted


@cython.cfunc
def read_group(stream: Stream, cursor: Cursor, kind: int) -> None:
    """Add one consumer group to the stream."""
    name = cursor.string()
    last_id = read_id(cursor)
    entries_read = stream.distance_from_start(last_id)
    if kind != kinds.STREAM_5_0:
        number = cursor.length()
        entries_read = UNKNOWN if number == UNKNOWN_COUNT else checked_count(number)
    if not stream.create_group(name, last_id, entries_read):
        raise DataError("a consumer group repeats")
    group = stream.groups[name]
    unowned = read_deliveries(cursor)
    for _ in range(checked_count(cursor.length())):
        read_consumer(group, unowned, cursor, kind)
    if unowned:
        raise DataError("a pending entry has no consumer")


@cython.cfunc
def read_deliveries(cursor: Cursor) -> dict[int, tuple[int, int]]:
    """The time and the number of deliveries of each pending entry, by ID."""
    found: dict[int, tuple[int, int]] = {}
    last_id = -1
    for _ in range(checked_count(cursor.length())):
        last_id = read_next_id(cursor, last_id)
        time_ms: int = cursor.signed_number(8)
        found[last_id] = time_ms, checked_count(cursor.length())
    return found


@cython.cfunc
def read_next_id(cursor: Cursor, last_id: int) -> int:
    """An ID of a list of pending entries, which are in order."""
    entry_id = read_raw_id(cursor)
    if entry_id <= last_id:
        raise DataError("pending entries are out of order")
    return entry_id


@cython.cfunc
def read_consumer(group: Group, unowned: dict[int, tuple[int, int]], cursor: Cursor, kind: int) -> None:
    """Add one consumer to a group, with what it has pending, which it takes out of `unowned`."""
    name = cursor.string()
    seen_ms: int = cursor.signed_number(8)
    active_ms = cursor.signed_number(8) if kind == kinds.STREAM_7_2 else seen_ms
    consumer = group.create_consumer(name, seen_ms)
    if consumer is None:
        raise DataError("a consumer repeats")
    consumer.active_time_ms = active_ms
    last_id = -1
    for _ in range(checked_count(cursor.length())):
        last_id = read_next_id(cursor, last_id)
        delivery = unowned.pop(last_id, None)
        if delivery is None:
            raise DataError("a consumer has an entry that is not pending")
        group.add(Pending(last_id, consumer, *delivery))


# ---------------------------------------------------------------------- copying


def copied_stream(cursor: Cursor, out: Output) -> Iterator[None]:
    """Write the stream at the cursor, which is as we write them, without making one; with pauses."""
    count: int
    for _ in range(copied_length(cursor, out)):
        out.string(cursor.string())
        out.string(cursor.string())
        yield
    for _ in range(NUMBERS_OF_STREAM):
        copied_length(cursor, out)
    for _ in range(copied_length(cursor, out)):
        out.string(cursor.string())
        for _ in range(NUMBERS_OF_GROUP):
            copied_length(cursor, out)
        for number in range(copied_length(cursor, out)):
            out.raw(cursor.take(ID_SIZE + TIME.size))
            copied_length(cursor, out)
            if number % PENDING_A_SLICE == 0:
                yield
        for _ in range(copied_length(cursor, out)):
            out.string(cursor.string())
            out.raw(cursor.take(TIME.size))
            count = copied_length(cursor, out)
            for start in range(0, count, PENDING_A_SLICE):
                out.raw(cursor.take(ID_SIZE * min(PENDING_A_SLICE, count - start)))
                yield


@cython.cfunc
def copied_length(cursor: Cursor, out: Output) -> int:
    """A length that is read and written."""
    number: int = cursor.length()
    out.length(number)
    return number


# ---------------------------------------------------------------------- writing


class StreamImage:
    """A stream as it is now, to be written in slices while it changes, if it is watched."""

    kind = kinds.STREAM_7_0

    def __init__(self, stream: Stream, is_watched: bool) -> None:
        self.nodes: list[Node] = stream.shared_nodes() if is_watched else stream.nodes
        self.length = len(stream)
        self.ids = (stream.last_id, stream.first_id(), stream.max_deleted_id)
        self.entries_added = stream.entries_added
        self.groups: list[GroupImage] = []
        try:
            for name, group in stream.sorted_groups():
                self.groups.append(GroupImage(name, group, is_watched))
        except MemoryError:
            self.drop()
            raise

    def slices(self, out: Output) -> Iterator[None]:
        """Write the stream, with a pause after each part of it."""
        out.length(len(self.nodes))
        for node in self.nodes:
            out.string(node.base_id().to_bytes(ID_SIZE, "big"))
            out.string(packed_node(node))
            yield
        out.length(self.length)
        for entry_id in self.ids:
            write_id(out, entry_id)
        out.length(self.entries_added)
        out.length(len(self.groups))
        for group in self.groups:
            yield from group.slices(out)

    def drop(self) -> None:
        """No more is asked of it."""
        for group in self.groups:
            group.drop()


class GroupImage:
    """A group as it is now."""

    def __init__(self, name: bytes, group: Group, is_watched: bool) -> None:
        pending = group.pending
        self.name = name
        self.last_delivered_id = group.last_delivered_id
        self.entries_read = group.entries_read
        self.pending = pending
        self.is_watched = is_watched
        self.count = len(pending)
        # Somebody else may watch, whom what was before is for.
        self.entry_of: Callable[[int], Pending | None] = pending.was if is_watched else pending.get
        self.consumers = [(consumer.name, consumer.seen_time_ms) for consumer in group.sorted_consumers()]
        self.ids: list[int] = pending.watch() if is_watched else pending.order

    def slices(self, out: Output) -> Iterator[None]:
        """Write the group, with pauses."""
        owned: dict[bytes, list[bytes]] = {name: [] for name, _ in self.consumers}
        out.string(self.name)
        write_id(out, self.last_delivered_id)
        out.length(UNKNOWN_COUNT if self.entries_read == UNKNOWN else self.entries_read)
        out.length(self.count)
        for number, entry_id in enumerate(self.ids):
            entry = self.entry_of(entry_id)
            if entry is not None:
                raw_id = entry_id.to_bytes(ID_SIZE, "big")
                owned[entry.consumer.name].append(raw_id)
                out.raw(raw_id)
                out.raw(TIME.pack(entry.delivery_time_ms))
                out.length(entry.delivery_count)
            if number % PENDING_A_SLICE == 0:
                yield
        out.length(len(self.consumers))
        for name, seen_time_ms in self.consumers:
            out.string(name)
            out.raw(TIME.pack(seen_time_ms))
            out.length(len(owned[name]))
            for start in range(0, len(owned[name]), PENDING_A_SLICE):
                out.raw(b"".join(owned[name][start : start + PENDING_A_SLICE]))
                yield

    def drop(self) -> None:
        """No more is asked of it."""
        if self.is_watched:
            self.pending.unwatch()


@cython.cfunc
def write_id(out: Output, entry_id: int) -> None:
    """Write an ID as two lengths."""
    out.length(entry_id >> SEQ_BITS)
    out.length(entry_id & MAX_HALF)


@cython.cfunc
def packed_node(node: Node) -> bytes:
    """A node's listpack. Entries that were deleted are left out."""
    pack = Listpack()
    pack.add_number(len(node))
    pack.add_number(0)
    pack.add_number(len(node.names))
    for name in node.names:
        pack.add_text(name)
    pack.add_number(0)
    at: cython.Py_ssize_t
    for at in range(len(node)):
        pack_entry(pack, node, at)
    return pack.to_bytes()


@cython.cfunc
def pack_entry(pack: Listpack, node: Node, at: cython.Py_ssize_t) -> None:
    """Add the entry at a place of a node to its listpack."""
    ms: cython.ulonglong
    seq: cython.ulonglong
    ms, seq = node.read_id(at)
    fields: tuple[bytes, ...] = node.read_fields()
    start: cython.Py_ssize_t = pack.count
    has_names: cython.bint = node.has_names(fields)
    i: cython.Py_ssize_t
    pack.add_number(SAME_FIELDS if has_names else 0)
    pack.add_number(distance(ms, node.base_ms))
    pack.add_number(distance(seq, node.base_seq))
    if not has_names:
        pack.add_number(len(fields) // 2)
    for i in range(len(fields)):
        if i & 1 or not has_names:
            pack.add_text(fields[i])
    pack.add_number(pack.count - start)


@cython.cfunc
@cython.exceptval(check=False)
def distance(half: cython.ulonglong, base: cython.ulonglong) -> cython.longlong:
    """A difference of two halves of IDs as a number of 64 bits with a sign, which wraps."""
    difference: cython.ulonglong = (half - base) & MAX_HALF
    if difference < HALF_RANGE:
        return cython.cast(cython.longlong, difference)
    # In two steps, since 2**64 is no number of 64 bits.
    return -1 - cython.cast(cython.longlong, MAX_HALF - difference)
