# cython: boundscheck=False, wraparound=False
"""The nodes of a long list: how they are filled, split and merged.

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

A node that another list or a reader has as well is never changed: whoever is to change it makes a copy first. Without
memory for a change there is none, and MemoryError is raised.
"""

from typing import Any

import cython

from geventcache.types.container import untracked
from geventcache.types.footprint import bytes_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.list_node import ListNode, new_node
from geventcache.types.packed_list import PackedList

MIN_GAP = 16
MANY_NODES = 4
SAFE_BYTES = 8192
MOST_COUNT = 32767
UNLIMITED = 1 << 31
# What an element adds to a listpack at most, but for its length: the reference's guess.
ENTRY_BYTES = 8
HEADER_BYTES = 7
SAMPLED = 16


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


class Quicklist(PackedList):
    """Elements in nodes, of a list that is not packed. Nothing here counts as a change.

    Attributes, none of which counts while the list is packed:
        nodes, head: the nodes, from `head` on; none is empty.
        length: how many elements there are.
        is_quicklist: there may be several nodes.
        most_bytes, most_count: the limits of a quicklist's nodes.
    """

    nodes: list[Any]
    head: int
    length: int
    is_quicklist: bool
    most_bytes: int
    most_count: int
    limits: EncodingLimits

    def be_empty(self) -> None:
        """Have no nodes."""
        self.nodes = untracked([])
        self.head = 0
        self.length = 0

    def open(self) -> None:
        """Be a node, if the list is packed."""
        if self.is_packed:
            node: ListNode = self.run_node()
            self.nodes = untracked([node] if node.count else [])
            self.drop_run()
            self.head = 0
            self.length = node.count
            self.is_quicklist = False

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

    # ------------------------------------------------------------------ one node, and the ends

    def admits(self, node: Any, length: cython.Py_ssize_t) -> cython.bint:
        """Is there room in a node for one more element, of that length?"""
        if not self.is_quicklist:
            return True
        if type(node) is bytes:
            return False
        block: ListNode = node
        return block.size + length + ENTRY_BYTES <= self.most_bytes and block.count < self.most_count

    def node_of(self, value: bytes, left: cython.bint = False, room: cython.Py_ssize_t = 0) -> Any:
        """A new node of one element, with so much room for more at that end."""
        if self.is_quicklist and len(value) > self.most_bytes:
            return value
        node: ListNode = new_node(room)
        node.push(value, left)
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
            self.add_node(self.node_of(value, left, self.room_beside(at)), left)
        self.length = length

    def room_beside(self, at: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """How much room a node shall have from the start that follows the one at an end, which is full; 0 if little.

        It will be as large, in all probability, and need not grow then. A list of few nodes rather saves memory.
        """
        if len(self.nodes) - self.head < MANY_NODES or type(self.nodes[at]) is bytes:
            return 0
        return cython.cast(ListNode, self.nodes[at]).used()

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
            self.drop_packed(left)
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

    def keep(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Delete all but the elements from `start` up to, not including, `stop` (indices that exist)."""
        if start == stop:
            self.be_empty()
            return
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

    # ------------------------------------------------------------------ any place

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

    def nodes_size(self) -> cython.longlong:
        """Bytes of the nodes, estimated from some of them where there are many."""
        count: cython.Py_ssize_t = len(self.nodes) - self.head
        step: cython.Py_ssize_t = max(1, count // SAMPLED)
        seen: cython.longlong = 0
        total: cython.longlong = 0
        for at in range(self.head, len(self.nodes), step):
            node = self.nodes[at]
            total += bytes_size(len(node)) if type(node) is bytes else cython.cast(ListNode, node).memory_usage()
            seen += 1
        return 8 * len(self.nodes) + total * count // max(seen, 1)
