# cython: boundscheck=False, wraparound=False
"""The list: one run of bytes while it is short (types/packed_list.py), then nodes (types/quicklist.py).

A copy, and whoever reads `pages`, has the nodes in common with the list until one is changed. Without memory for a
change there is none, and MemoryError is raised.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import cython

from geventcache.types import packed_list
from geventcache.types.container import untracked
from geventcache.types.limits import EncodingLimits
from geventcache.types.list_node import ListNode, elements_shown, new_node, shown
from geventcache.types.listpack import integer_width
from geventcache.types.quicklist import Quicklist, count_in, most_bytes_of, places_of, texts_of
from geventcache.types.ranges import clamp

# A node alone that has become so short is packed again.
SHORT = 128
SHORT_BYTES = 3072
SLOTS_BYTES = 56


def page(node: Any) -> list[bytes]:
    """A node as `List.pages` gives it out."""
    return texts_of(node)


class List(Quicklist):
    """A list of bytes.

    Indices are those of commands: from 0, or from -1 at the end. Every method that changes the list increments
    `revision` if it did.
    """

    type_name = b"list"

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.nodes: list[Any] = None if packed_list.PACKS else []  # type: ignore[assignment]
        self.head = 0
        self.length = 0
        self.most_bytes = 0
        self.most_count = 0
        self.is_quicklist = False
        self.limits = limits
        self.pack_none()

    @staticmethod
    def unpack(run: bytes, limits: EncodingLimits) -> "List":
        """The list that was packed."""
        found: List = List.__new__(List)
        found.limits = limits
        found.load_run(run)
        return found

    @cython.ccall
    @cython.returns(bytes)
    def pack(self) -> bytes | None:
        """The list as a run of bytes; None if it is too long for that."""
        if packed_list.PACKS and not self.is_packed and not self.is_quicklist and self.is_short():
            try:
                self.pack_node(self.nodes[self.head])
            except MemoryError:
                return None  # it is a node still
            self.nodes = None  # type: ignore[assignment] # the run has the elements
        return Quicklist.pack(self)

    def is_short(self) -> cython.bint:
        """Is there one node, which is short enough to be packed again?"""
        if self.length > SHORT or self.head == len(self.nodes):
            return False
        return cython.cast(ListNode, self.nodes[self.head]).size <= SHORT_BYTES

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
        return chain.from_iterable(self.pages())

    def pages(self) -> Iterator[list[bytes]]:
        """All elements, some hundred at a time, as they are at this moment: whatever happens to the list meanwhile.

        It takes time for a node only when that is reached.
        """
        if self.is_packed:
            return iter((self.slice_packed(0, self.run_count()),))
        return map(page, self.shared_nodes())

    # ------------------------------------------------------------------ the encoding

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"quicklist" if self.is_quicklist else b"listpack"

    # ------------------------------------------------------------------ the ends

    def push_left(self, value: bytes) -> int:
        """Add `value` at the front; return the length."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, True)
        else:
            self.grow(len(value), 1)
            self.put(value, True)
        self.revision += 1
        return self.run_count() if self.is_packed else self.length

    def push_right(self, value: bytes) -> int:
        """Add `value` at the back; return the length."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, False)
        else:
            self.grow(len(value), 1)
            self.put(value, False)
        self.revision += 1
        return self.run_count() if self.is_packed else self.length

    def turn(self, from_left: cython.bint, to_left: cython.bint) -> bytes | None:
        """Move the element at an end to an end of this list; return it, None if there is none."""
        value = self.get(0 if from_left else -1)
        if value is None:
            return None
        self.drop(from_left)
        try:
            self.put_moved(value, to_left)
        except MemoryError:
            if not self.is_packed:
                self.put(value, from_left)
            raise
        if not self.is_packed:
            self.shrink(2)
        self.revision += 2
        return value

    def get_ready(self, left: cython.bint) -> bytes | None:
        """The element at an end, for another list: `give_away` needs no memory then. None if there is none."""
        value = self.get(0 if left else -1)
        if value is not None and not self.is_packed:
            at: cython.Py_ssize_t = self.head if left else len(self.nodes) - 1
            if type(self.nodes[at]) is not bytes:
                self.owned(at)
        return value

    def give_away(self, left: cython.bint) -> None:
        """Remove the element at an end, which another list has now."""
        self.drop(left)
        if not self.is_packed:
            self.shrink(2)
        self.revision += 1

    def receive(self, value: bytes, left: cython.bint) -> None:
        """Add an element of another list at an end."""
        self.put_moved(value, left)
        self.revision += 1

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
        if not self.length:
            return []
        count = min(count, self.length)
        start: cython.Py_ssize_t = 0 if left else self.length - count
        popped: list[bytes] = self.slice(start, start + count - 1)
        if left:
            self.keep(count, self.length)
        else:
            popped.reverse()
            self.keep(0, start)
        self.revision += 1
        self.shrink(2)
        return popped

    # ------------------------------------------------------------------ to read

    def slice(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> list[bytes]:
        """The elements from `start` to `stop`, both inclusive; indices out of range are cut to it."""
        return elements_shown(self.shown(start, stop))

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
        if last - first != self.length:
            self.keep(first, last)
            self.revision += 1
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
        self.be_empty()
        self.become_quicklist()

    def load_node(self, values: Sequence[bytes]) -> None:
        """Add a node of elements to what is loaded."""
        if not values:
            return
        node: ListNode = new_node()
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
        size: int = self.__sizeof__() + SLOTS_BYTES + self.nodes_size()
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
