# cython: boundscheck=False, wraparound=False
"""The list: one run of bytes while it is short (types/packed_list.py), then nodes of some hundred elements each.

A node is a block of bytes (types/list_node.py), or an element that is too large for a node: that stays the object that
it is. Nodes stand in an array with a gap at its front: in `nodes[head:]`; the slots before `head` are None and wait for
nodes at the front. So both ends are O(1) amortised, and no call moves more than a node and the array.

The name of the encoding is the reference's at any time, so its rules are followed:

- A list is a "listpack" first: all elements are in one node, whose limits are those of the configuration. When its size
  before a push and the bytes that are pushed exceed them together, it is a "quicklist" from then on.
- The nodes of a quicklist have the limits of the time at which it became one. An element goes into the node at its
  place, or into the next one if it belongs between the two, or into one of its own; a full node is split for it, and
  what is near is merged where that is possible. What goes leaves its node smaller, and is no reason to merge.
- What is left in one node that is not an object gets its first name back when it fits half the limits.

A list that is packed is a "listpack".

A node that another list or a reader has as well (`copy`, `pages`) is never changed: whoever is to change it makes a
copy first. Without memory for a change there is none, and MemoryError is raised.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import cython

from geventcache.base.table import PACKED
from geventcache.resp.writer import Written
from geventcache.types.container import untracked
from geventcache.types.footprint import bytes_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.list_node import ListNode, shown
from geventcache.types.listpack import integer_width
from geventcache.types.packed_list import PackedList
from geventcache.types.ranges import clamp

MIN_GAP = 16
SAFE_BYTES = 8192
MOST_COUNT = 32767
UNLIMITED = 1 << 31
# What an element adds to a listpack at most, but for its length: the reference's guess.
ENTRY_BYTES = 8
HEADER_BYTES = 7
# A node alone that has become so short is packed again.
SHORT = 128
SHORT_BYTES = 3072
SAMPLED = 16
SLOTS_BYTES = 56


def most_bytes_of(fill: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """The bytes that a setting allows for a node: a negative one is a size, others are a number of elements."""
    return 4096 << min(-fill - 1, 4) if fill < 0 else SAFE_BYTES


def count_in(node: Any) -> cython.Py_ssize_t:
    """How many elements are in a node."""
    return 1 if type(node) is bytes else cython.cast(ListNode, node).count


def texts_of(node: Any) -> list[bytes]:
    """The elements of a node."""
    if type(node) is bytes:
        return [node]
    block: ListNode = node
    return block.texts(0, block.count)


def places_of(node: Any, value: bytes) -> list[int]:
    """Where elements of a node are equal to `value`."""
    if type(node) is bytes:
        return [0] if node == value else []
    block: ListNode = node
    return block.places(value)


def page(node: Any) -> list[bytes]:
    """A node as `List.pages` gives it out."""
    return texts_of(node)


class List(PackedList):
    """A list of bytes.

    Indices are those of commands: from 0, or from -1 at the end. Every method that changes the list increments
    `revision` if it did.

    Attributes, none of which counts while the list is packed:
        nodes, head: the nodes, from `head` on; none is empty.
        length: how many elements there are.
        most_bytes, most_count: the limits of a quicklist's nodes.
    """

    type_name = b"list"
    packed_kind = PACKED + 3

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.nodes: list[Any] = None if cython.compiled else []  # type: ignore[assignment]
        self.head = 0
        self.length = 0
        self.most_bytes = 0
        self.most_count = 0
        self.is_quicklist = False
        self.limits = limits
        self.pack_none()

    @staticmethod
    def unpack(run: bytes, kind: int, limits: EncodingLimits) -> "List":
        """The list that was packed."""
        found: List = List.__new__(List)
        found.limits = limits
        found.load_run(run)
        return found

    @cython.ccall
    @cython.returns(bytes)
    def pack(self) -> bytes | None:
        """The list as a run of bytes; None if it is too long for that."""
        if cython.compiled and not self.is_packed and not self.is_quicklist and self.is_short():
            try:
                self.pack_node(self.nodes[self.head])
            except MemoryError:
                return None  # it is a node still
            self.nodes = None  # type: ignore[assignment] # the run has the elements
        return PackedList.pack(self)

    def is_short(self) -> cython.bint:
        """Is there one node, which is short enough to be packed again?"""
        if self.length > SHORT or self.head == len(self.nodes):
            return False
        return cython.cast(ListNode, self.nodes[self.head]).size <= SHORT_BYTES

    def open(self) -> None:
        """Be a node, if the list is packed."""
        if self.is_packed:
            node: ListNode = self.open_run()
            self.nodes = untracked([node] if node.count else [])
            self.head = 0
            self.length = node.count
            self.is_quicklist = False

    def stays_packed(self, size: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.bint:
        """Is the list packed, and can it be with `count` more elements of `size` bytes? It is a node if not."""
        if not self.is_packed:
            return False
        fill: cython.Py_ssize_t = self.limits.list_max_listpack_size
        if (
            self.has_room(size, count)
            and self.most_listpack_bytes(size, count) <= most_bytes_of(fill)
            and (fill < 0 or self.run_count() + count <= max(fill, 1))
        ):
            return True
        self.open()
        return False

    def __len__(self) -> int:
        return self.run_count() if self.is_packed else self.length

    def __iter__(self) -> Iterator[bytes]:
        for elements in self.pages():
            yield from elements

    def pages(self) -> Iterator[list[bytes]]:
        """All elements, some hundred at a time, as they are at this moment: whatever happens to the list meanwhile.

        It takes time for a node only when that is reached.
        """
        if self.is_packed:
            return iter((self.slice_packed(0, self.run_count()),))
        return map(page, self.shared_nodes())

    def shared_nodes(self) -> list[Any]:
        """The nodes, which will not be changed any more."""
        nodes = untracked(self.nodes[self.head : len(self.nodes)])
        for node in nodes:
            if type(node) is not bytes:
                cython.cast(ListNode, node).is_shared = True
        return nodes

    def node_count(self) -> int:
        """How many nodes there are, of a quicklist."""
        return len(self.nodes) - self.head

    # ------------------------------------------------------------------ the encoding

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"quicklist" if self.is_quicklist else b"listpack"

    def grow(self, size: cython.Py_ssize_t, count: cython.Py_ssize_t) -> None:
        """`count` elements of `size` bytes together are about to come."""
        if self.is_quicklist:
            return
        fill: cython.Py_ssize_t = self.limits.list_max_listpack_size
        size += HEADER_BYTES if self.length == 0 else cython.cast(ListNode, self.nodes[self.head]).size
        if size > most_bytes_of(fill) or (fill >= 0 and self.length + count > max(fill, 1)):
            self.become_quicklist()
            self.is_renamed = True

    def become_quicklist(self) -> None:
        """Be a quicklist from now on, with the limits of now."""
        fill: cython.Py_ssize_t = self.limits.list_max_listpack_size
        self.is_quicklist = True
        self.most_bytes = most_bytes_of(fill)
        self.most_count = min(max(fill, 1), MOST_COUNT) if fill >= 0 else UNLIMITED

    def shrink(self, divisor: cython.Py_ssize_t) -> None:
        """Elements are gone: is what is left within the `divisor`-th part of the limits of a listpack?"""
        if not self.is_quicklist or len(self.nodes) - self.head != 1 or type(self.nodes[self.head]) is bytes:
            return
        fill: cython.Py_ssize_t = self.limits.list_max_listpack_size
        if fill < 0:
            node: ListNode = self.nodes[self.head]
            self.is_quicklist = node.size > most_bytes_of(fill) // divisor
        else:
            self.is_quicklist = self.length > max(fill, 1) // divisor

    # ------------------------------------------------------------------ nodes

    def admits(self, node: Any, length: cython.Py_ssize_t) -> cython.bint:
        """Is there room in a node for one more element, of that length?"""
        if not self.is_quicklist:
            return True
        if type(node) is bytes:
            return False
        block: ListNode = node
        return block.size + length + ENTRY_BYTES <= self.most_bytes and block.count < self.most_count

    def node_of(self, value: bytes) -> Any:
        """A new node of one element."""
        if self.is_quicklist and len(value) > self.most_bytes:
            return value
        node: ListNode = ListNode.__new__(ListNode) if cython.compiled else ListNode()
        node.push(value, False)
        return node

    def owned(self, at: cython.Py_ssize_t) -> ListNode:
        """The node at a place of the array, which is no object, for change."""
        node: ListNode = self.nodes[at]
        if node.is_shared:
            node = node.part(0, node.count)
            self.nodes[at] = node
        return node

    def put(self, value: bytes, left: cython.bint) -> None:
        """Add an element at an end."""
        length: cython.Py_ssize_t = self.length + 1
        count: cython.Py_ssize_t = len(self.nodes)
        at: cython.Py_ssize_t = self.head if left else count - 1
        if self.head < count and self.admits(self.nodes[at], len(value)):
            self.owned(at).push(value, left)
        else:
            self.add_node(self.node_of(value), left)
        self.length = length

    def add_node(self, node: Any, left: cython.bint) -> None:
        """Put a node at an end. The one that was there will not grow any more, in all probability."""
        if left:
            if self.head == 0:
                self.open_gap()
            self.head -= 1
            self.nodes[self.head] = node
        else:
            self.nodes.append(node)
        if len(self.nodes) - self.head > 1:
            last = self.nodes[self.head + 1 if left else len(self.nodes) - 2]
            if type(last) is not bytes and not cython.cast(ListNode, last).is_shared:
                cython.cast(ListNode, last).fit()

    def take(self, left: cython.bint) -> bytes:
        """Remove and return the element at an end; there is one."""
        at: cython.Py_ssize_t = self.head if left else len(self.nodes) - 1
        node = self.nodes[at]
        value: bytes
        if type(node) is bytes:
            value = node
            self.drop_node(at)
        elif cython.cast(ListNode, node).count == 1:
            value = cython.cast(ListNode, node).get(0)
            self.drop_node(at)
        else:
            value = self.owned(at).pop(left)
        self.length -= 1
        return value

    def drop(self, left: cython.bint) -> None:
        """Remove the element at an end; there is one."""
        if self.is_packed:
            self.pop_packed(left)
            return
        at: cython.Py_ssize_t = self.head if left else len(self.nodes) - 1
        count: cython.Py_ssize_t = count_in(self.nodes[at])
        if count == 1:
            self.drop_node(at)
        else:
            at = 0 if left else count - 1
            self.owned(self.head if left else len(self.nodes) - 1).delete(at, at + 1)
        self.length -= 1

    def drop_node(self, at: cython.Py_ssize_t) -> None:
        """Take a node out of the array."""
        if at != self.head:
            del self.nodes[at]
            return
        self.nodes[at] = None
        self.head += 1
        self.close_gap()

    def open_gap(self) -> None:
        """Make room at the front, in proportion to the number of nodes: the moves are O(1) amortised."""
        gap: cython.Py_ssize_t = max(MIN_GAP, len(self.nodes) >> 1)
        self.nodes[0:0] = [None] * gap
        self.head += gap

    def close_gap(self) -> None:
        """Give the room at the front back once it outgrows the nodes."""
        if self.head > MIN_GAP and self.head * 2 > len(self.nodes):
            try:
                del self.nodes[0 : self.head]
            except MemoryError:
                return
            self.head = 0

    def locate(self, index: cython.Py_ssize_t) -> tuple[int, int]:
        """Where the element `index`, which exists, is: the place of its node in the array, and its place in that."""
        at: cython.Py_ssize_t
        count: cython.Py_ssize_t
        if index * 2 < self.length:
            for at in range(self.head, len(self.nodes)):
                count = count_in(self.nodes[at])
                if index < count:
                    break
                index -= count
            return at, index
        index = self.length - index
        for at in range(len(self.nodes) - 1, self.head - 1, -1):
            count = count_in(self.nodes[at])
            if index <= count:
                break
            index -= count
        return at, count - index

    # ------------------------------------------------------------------ the ends

    def push_left(self, value: bytes) -> None:
        """Add `value` at the front."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, True)
        else:
            self.grow(len(value), 1)
            self.put(value, True)
        self.revision += 1

    def push_right(self, value: bytes) -> None:
        """Add `value` at the back."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, False)
        else:
            self.grow(len(value), 1)
            self.put(value, False)
        self.revision += 1

    def move(self, target: "List", from_left: cython.bint, to_left: cython.bint) -> bytes | None:
        """Move the element at an end to an end of `target`, maybe this list; return it, None if there is none."""
        value = self.get(0 if from_left else -1)
        if value is None:
            return None
        if target is self:
            self.drop(from_left)
            try:
                self.put_moved(value, to_left)
            except MemoryError:
                if not self.is_packed:
                    self.put(value, from_left)
                raise
        else:
            target.put_moved(value, to_left)
            try:
                self.drop(from_left)
            except MemoryError:
                if not target.is_packed:
                    target.drop(to_left)
                raise
        if not self.is_packed:
            self.shrink(2)
        self.revision += 1
        target.revision += 1
        return value

    def put_moved(self, value: bytes, left: cython.bint) -> None:
        """Add `value`, which comes from a list, at an end. To the limits an integer counts nothing then."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, left)
            return
        self.grow(0 if integer_width(value) else len(value), 1)
        self.put(value, left)

    def extend_left(self, values: Sequence[bytes]) -> None:
        """Add each of `values`, at least one, at the front in turn: the last of them becomes the first element."""
        self.extend(values, True)

    def extend_right(self, values: Sequence[bytes]) -> None:
        """Add `values`, at least one, at the back."""
        self.extend(values, False)

    def extend(self, values: Sequence[bytes], left: cython.bint) -> None:
        """Add each of `values` at an end in turn: all or none."""
        value: bytes
        size: cython.Py_ssize_t = 0
        for value in values:
            size += len(value)
        if self.is_packed and self.stays_packed(size, len(values)):
            for value in values:
                self.push_packed(value, left)
            self.revision += 1
            return
        self.grow(size, len(values))
        before: cython.Py_ssize_t = self.length
        try:
            for value in values:
                self.put(value, left)
        except MemoryError:
            while self.length > before:
                self.drop(left)
            raise
        self.revision += 1

    def pop_left(self) -> bytes | None:
        """Remove and return the first element; None when there is none."""
        if self.is_packed:
            if not self.run_count():
                return None
            value: bytes = self.pop_packed(True)
        else:
            if not self.length:
                return None
            value = self.take(True)
            self.shrink(2)
        self.revision += 1
        return value

    def pop_right(self) -> bytes | None:
        """Remove and return the last element; None when there is none."""
        if self.is_packed:
            if not self.run_count():
                return None
            value: bytes = self.pop_packed(False)
        else:
            if not self.length:
                return None
            value = self.take(False)
            self.shrink(2)
        self.revision += 1
        return value

    def pop_many(self, left: cython.bint, count: cython.Py_ssize_t) -> list[bytes]:
        """Remove and return up to `count` elements from one end, in the order of popping."""
        if count == 0:
            return []
        self.open()
        count = min(count, self.length)
        start: cython.Py_ssize_t = 0 if left else self.length - count
        popped: list[bytes] = self.slice(start, start + count - 1) if count else []
        if not left:
            popped.reverse()
        if left:
            self.keep(count, self.length)
        else:
            self.keep(0, start)
        self.shrink(2)
        return popped

    def keep(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Delete all but the elements from `start` up to, not including, `stop` (indices that exist)."""
        if stop - start == self.length:
            return
        if start == stop:
            self.nodes = untracked([])
            self.head = 0
        else:
            first, before = self.locate(start)
            last, within = self.locate(stop - 1)
            # Nothing is gone before all that needs memory is done.
            opening: ListNode = self.owned(first) if before else None  # type: ignore[assignment]
            closing: ListNode = None  # type: ignore[assignment]
            if within + 1 < count_in(self.nodes[last]):
                closing = self.owned(last)
            if last + 1 < len(self.nodes):
                del self.nodes[last + 1 : len(self.nodes)]
            if closing is not None:
                closing.delete(within + 1, closing.count)
            if opening is not None:
                opening.delete(0, before)
            if first > self.head:
                for at in range(self.head, first):
                    self.nodes[at] = None
                self.head = first
                self.close_gap()
        self.length = stop - start
        self.revision += 1

    # ------------------------------------------------------------------ to read

    def slice(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> list[bytes]:
        """The elements from `start` to `stop`, both inclusive; indices out of range are cut to it."""
        found = self.shown(start, stop)
        elements: list[bytes] = cython.cast(Written, found).plain() if cython.compiled else found
        return elements

    def shown(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> Any:
        """The same elements as a reply, to be used before there is a change."""
        start, stop = clamp(start, stop, len(self))
        if self.is_packed:
            return self.shown_packed(start, stop)
        if start == stop:
            return shown(self.nodes, 0, 0, 0)
        at, place = self.locate(start)
        return shown(self.nodes, at, place, stop - start)

    def to_list(self) -> list[bytes]:
        """All elements, in a list of its own."""
        return self.slice(0, -1)

    def get(self, index: cython.Py_ssize_t) -> bytes | None:
        """The element at `index`; None when there is none."""
        count: cython.Py_ssize_t = len(self)
        if index < 0:
            index += count
        if index < 0 or index >= count:
            return None
        found: list[bytes] = self.slice(index, index)
        return found[0]

    def find(
        self, value: bytes, rank: cython.Py_ssize_t, count: cython.Py_ssize_t, maxlen: cython.Py_ssize_t
    ) -> list[int]:
        """Indices of up to `count` (0: all) elements equal to `value`.

        The first abs(`rank`) - 1 of them are left out, and a negative `rank` searches from the back. At most `maxlen`
        (0: all) elements are compared.
        """
        self.open()
        n: cython.Py_ssize_t = self.length
        compared: cython.Py_ssize_t = min(maxlen, n) if maxlen else n
        most: cython.Py_ssize_t = count if count else n
        skipped: cython.Py_ssize_t = abs(rank) - 1
        passed: cython.Py_ssize_t = 0  # elements of the nodes before
        size: cython.Py_ssize_t
        distance: cython.Py_ssize_t
        found: list[int] = []
        for at in range(len(self.nodes) - self.head):
            if passed >= compared:
                break
            node = self.nodes[self.head + at] if rank > 0 else self.nodes[len(self.nodes) - 1 - at]
            size = count_in(node)
            places = places_of(node, value)
            for place in places if rank > 0 else reversed(places):
                distance = passed + (place if rank > 0 else size - 1 - place)
                if distance >= compared:
                    return found
                if skipped > 0:
                    skipped -= 1
                    continue
                found.append(distance if rank > 0 else n - 1 - distance)
                if len(found) == most:
                    return found
            passed += size
        return found

    # ------------------------------------------------------------------ any place

    def set(self, index: cython.Py_ssize_t, value: bytes) -> cython.bint:
        """Put `value` at `index`; False when there is no such element.

        Counts as a change even when it is the same value.
        """
        self.open()
        # The reference, too, makes room before it knows that there is such an element.
        self.grow(len(value), 1)
        if index < 0:
            index += self.length
        if index < 0 or index >= self.length:
            return False
        at, place = self.locate(index)
        if type(self.nodes[at]) is bytes:
            self.set_alone(at, value)
        elif self.is_quicklist and len(value) > self.most_bytes:
            self.set_large(at, place, value)
        else:
            self.owned(at).replace(place, value)
        self.revision += 1
        self.shrink(2)
        return True

    def set_alone(self, at: cython.Py_ssize_t, value: bytes) -> None:
        """Put `value` in the place of a node that is an object: into the next node if there is room."""
        if at + 1 < len(self.nodes) and len(value) <= self.most_bytes and self.admits(self.nodes[at + 1], len(value)):
            self.owned(at + 1).push(value, True)
            try:
                self.drop_node(at)
            except MemoryError:
                self.owned(at + 1).delete(0, 1)
                raise
        else:
            self.nodes[at] = self.node_of(value)

    def set_large(self, at: cython.Py_ssize_t, place: cython.Py_ssize_t, value: bytes) -> None:
        """Put `value`, which is a node of its own, in the place of an element of the node at `at`."""
        node: ListNode = self.owned(at)
        count: cython.Py_ssize_t = node.count
        rest: list[Any] = [value]
        if place + 1 < count:
            rest.append(node.part(place + 1, count))
        if place == 0:
            self.nodes[at : at + 1] = rest
            return
        self.nodes[at + 1 : at + 1] = rest
        node.delete(place, count)
        self.merge_around(at + 1)

    def insert(self, pivot: bytes, value: bytes, before: cython.bint) -> int:
        """Put `value` next to the first element equal to `pivot`; return the new length, -1 without such an element."""
        self.open()
        # The reference, too, makes room before it knows that there is a pivot.
        self.grow(len(value), 1)
        for at in range(self.head, len(self.nodes)):
            places = places_of(self.nodes[at], pivot)
            if places:
                self.insert_beside(at, places[0], value, not before)
                self.length += 1
                self.revision += 1
                return self.length
        return -1

    def insert_beside(self, at: cython.Py_ssize_t, place: cython.Py_ssize_t, value: bytes, after: cython.bint) -> None:
        """Put `value` next to an element of the node at `at`."""
        beside: cython.Py_ssize_t = at + 1 if after else at - 1
        if self.admits(self.nodes[at], len(value)):
            self.owned(at).insert(place + after, value)
        elif place != (count_in(self.nodes[at]) - 1 if after else 0):
            self.split_for(at, place + after, value, after)
        elif self.head <= beside < len(self.nodes) and self.admits(self.nodes[beside], len(value)):
            self.owned(beside).push(value, after)
        else:
            self.nodes.insert(at + after, self.node_of(value))

    def split_for(self, at: cython.Py_ssize_t, place: cython.Py_ssize_t, value: bytes, after: cython.bint) -> None:
        """Split a full node for `value`, which goes in front of the element at `place`.

        After an element the part behind gets it, before one the part in front.
        """
        node: ListNode = self.owned(at)
        count: cython.Py_ssize_t = node.count
        is_large: cython.bint = len(value) > self.most_bytes
        part: ListNode = node.part(place, count) if after else node.part(0, place)
        if is_large:
            self.nodes[at + after : at + after] = [value, part] if after else [part, value]
        else:
            part.push(value, after)
            self.nodes.insert(at + after, part)
        if after:
            node.delete(place, count)
        else:
            node.delete(0, place)
        if not is_large:
            self.merge_around(at if after else at + 1)

    def merge_around(self, at: cython.Py_ssize_t) -> None:
        """Merge nodes near the one at `at` where they have room: two before it, two behind, and it with both."""
        if self.merge(at - 2):
            at -= 1
        self.merge(at + 1)
        if self.merge(at - 1):
            at -= 1
        self.merge(at)

    def merge(self, at: cython.Py_ssize_t) -> cython.bint:
        """Make one node of that at `at` and the next, if there are two and they have room; tell whether that is done.

        Without memory it is not.
        """
        if at < self.head or at + 1 >= len(self.nodes):
            return False
        if type(self.nodes[at]) is bytes or type(self.nodes[at + 1]) is bytes:
            return False
        node: ListNode = self.nodes[at]
        other: ListNode = self.nodes[at + 1]
        count: cython.Py_ssize_t = node.count
        if node.size + other.size - HEADER_BYTES > self.most_bytes or count + other.count > self.most_count:
            return False
        try:
            node = self.owned(at)
            node.absorb(other)
        except MemoryError:
            return False
        try:
            del self.nodes[at + 1]
        except MemoryError:
            node.delete(count, node.count)
            return False
        return True

    def remove(self, count: cython.Py_ssize_t, value: bytes) -> int:
        """Delete elements equal to `value`: the first `count`, the last -`count`, or all when 0; return how many."""
        self.open()
        doomed = self.doomed(count, value)
        if not doomed:
            return 0
        # Nothing is gone before all that needs memory is done.
        kept: list[Any] = []
        smaller: list[Any] = []
        gone: list[list[int]] = []
        removed: cython.Py_ssize_t = 0
        for at in range(self.head, len(self.nodes)):
            places: list[int] = doomed.get(at, [])
            removed += len(places)
            if not places:
                kept.append(self.nodes[at])
            elif len(places) < count_in(self.nodes[at]):
                kept.append(self.owned(at))
                smaller.append(self.nodes[at])
                gone.append(places)
        total: int = removed  # an object, which takes memory
        i: cython.Py_ssize_t
        for i in range(len(smaller)):
            cython.cast(ListNode, smaller[i]).delete_places(gone[i])
        self.nodes = untracked(kept)
        self.head = 0
        self.length -= removed
        self.revision += 1
        self.shrink(2)
        return total

    def doomed(self, count: cython.Py_ssize_t, value: bytes) -> dict[int, list[int]]:
        """What `remove` deletes: by the place of a node, places in it, in order."""
        found: dict[int, list[int]] = {}
        left: cython.Py_ssize_t = self.length
        if count != 0 and -left < count < left:
            left = abs(count)
        for i in range(len(self.nodes) - self.head):
            at = self.head + i if count >= 0 else len(self.nodes) - 1 - i
            places = places_of(self.nodes[at], value)
            if len(places) > left:
                places = places[:left] if count >= 0 else places[len(places) - left :]
            if places:
                found[at] = places
                left -= len(places)
            if left == 0:
                break
        return found

    def trim(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Keep the elements from `start` to `stop`, both inclusive, and delete the others."""
        self.open()
        first, last = clamp(start, stop, self.length)
        self.keep(first, last)
        self.shrink(2)

    # ------------------------------------------------------------------ the whole

    def replace(self, values: Sequence[bytes]) -> None:
        """Make `values` the elements, in place of those before."""
        self.begin()
        for value in values:
            self.put(value, False)
        self.end()

    def begin(self) -> None:
        """Be empty, for elements that are loaded."""
        self.open()
        self.nodes = untracked([])
        self.head = 0
        self.length = 0
        self.become_quicklist()

    def load_node(self, values: Sequence[bytes]) -> None:
        """Add a node of elements to what is loaded."""
        if not values:
            return
        node: ListNode = ListNode.__new__(ListNode) if cython.compiled else ListNode()
        for value in values:
            node.push(value, False)
        node.fit()
        self.nodes.append(node)
        self.length += len(values)

    def load_alone(self, value: bytes) -> None:
        """Add an element that is a node of its own to what is loaded."""
        self.nodes.append(value)
        self.length += 1

    def end(self) -> None:
        """All is loaded."""
        self.revision += 1
        self.shrink(1)

    def copy(self) -> "List":
        """A list of its own with the same elements and encoding, which has its nodes in common until one is changed."""
        other = List(self.limits)
        if self.is_packed:
            other.share_run(self)
            return other
        other.open()
        other.nodes = self.shared_nodes()
        other.length = self.length
        other.most_bytes = self.most_bytes
        other.most_count = self.most_count
        other.is_quicklist = self.is_quicklist
        return other

    def memory_usage(self) -> int:
        """Bytes of the list and its elements, estimated from some of its nodes where there are many."""
        if self.is_packed:
            return self.__sizeof__() + self.run_bytes()
        count: cython.Py_ssize_t = len(self.nodes) - self.head
        step: cython.Py_ssize_t = max(1, count // SAMPLED)
        seen: cython.longlong = 0
        total: cython.longlong = 0
        for at in range(self.head, len(self.nodes), step):
            node = self.nodes[at]
            total += bytes_size(len(node)) if type(node) is bytes else cython.cast(ListNode, node).memory_usage()
            seen += 1
        size: int = self.__sizeof__() + SLOTS_BYTES + 8 * len(self.nodes) + total * count // max(seen, 1)
        return size

    def release(self, count: cython.Py_ssize_t) -> bool:
        """Free about `count` elements, of a list that no key holds any more; True when none is left."""
        self.open()
        while count > 0 and self.length:
            freed: cython.Py_ssize_t = count_in(self.nodes[len(self.nodes) - 1])
            del self.nodes[len(self.nodes) - 1]
            count -= freed
            self.length -= freed
        return self.length == 0
