# cython: boundscheck=False, wraparound=False
"""The list: one run of bytes while it is short (types/packed_list.py), then an array with a gap at its front.

In the array `items[head:]` are the elements; the slots before `head` are None and wait for pushes at the front. So both
ends are O(1) amortised, and an element in the middle is one index away, which a chain of nodes cannot offer.

`size` is what all elements would take in one listpack; while the list is packed it is not known. It names the encoding:
a list outgrows "listpack" when its size before a push and the bytes that are pushed exceed the limit together, and gets
the name back when what is left of it fits half the limit. (The reference also waits until what is left stands in one
node, which depends on how it came there.) A list that is packed is a "listpack".
"""

from collections.abc import Iterator, Sequence

import cython

from geventcache.base.table import PACKED
from geventcache.types.container import untracked
from geventcache.types.footprint import elements_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.listpack import HEADER_BYTES, entry_size
from geventcache.types.packed_list import PackedList
from geventcache.types.ranges import clamp

MIN_GAP = 16
SAFE_BYTES = 8192
# An array that has become so short is packed again.
SHORT = 128
SHORT_BYTES = 3072


def measure(values: list[bytes]) -> cython.Py_ssize_t:
    """Bytes of all `values` as listpack entries."""
    total: cython.Py_ssize_t = 0
    for value in values:
        total += entry_size(value)
    return total


def is_over(
    limits: EncodingLimits, size: cython.Py_ssize_t, count: cython.Py_ssize_t, divisor: cython.Py_ssize_t
) -> cython.bint:
    """A listpack of `size` bytes and `count` elements exceeds the limit, or its `divisor`-th part."""
    fill: cython.Py_ssize_t = limits.list_max_listpack_size
    if fill < 0:
        return size > (4096 << min(-fill - 1, 4)) // divisor
    if divisor == 1 and size > SAFE_BYTES:
        return True
    return count > max(fill, 1) // divisor


class List(PackedList):
    """A list of bytes.

    Indices are those of commands: from 0, or from -1 at the end. Every method that changes the list increments
    `revision` if it did.
    """

    type_name = b"list"
    packed_kind = PACKED + 3

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.items: list[bytes] = None if cython.compiled else []  # type: ignore[assignment]
        self.head = 0
        self.size = HEADER_BYTES
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
                self.pack_all(self.items[self.head : len(self.items)])
            except MemoryError:
                return None  # it is an array still
            self.items = None  # type: ignore[assignment] # the run has them
        return PackedList.pack(self)

    def is_short(self) -> cython.bint:
        """Is the array short enough to be packed again?"""
        return len(self.items) - self.head <= SHORT and self.size <= SHORT_BYTES

    def open(self) -> None:
        """Be an array, if the list is packed."""
        if self.is_packed:
            self.items = untracked(self.open_run())
            self.head = 0
            self.size = HEADER_BYTES + measure(self.items)
            self.is_quicklist = False

    def stays_packed(self, size: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.bint:
        """Is the list packed, and can it be with `count` more elements of `size` bytes? It is an array if not."""
        if not self.is_packed:
            return False
        if self.has_room(size, count) and not is_over(
            self.limits, self.most_listpack_bytes(size, count), self.run_count() + count, 1
        ):
            return True
        self.open()
        return False

    def __len__(self) -> int:
        if self.is_packed:
            return self.run_count()
        return len(self.items) - self.head

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.to_list())

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"quicklist" if self.is_quicklist else b"listpack"

    def grow(self, size: cython.Py_ssize_t, count: cython.Py_ssize_t) -> None:
        """`count` elements of `size` bytes together are about to come."""
        if not self.is_quicklist:
            self.is_quicklist = is_over(self.limits, self.size + size, len(self.items) - self.head + count, 1)
            self.is_renamed = self.is_renamed or self.is_quicklist

    def shrink(self) -> None:
        """Elements are gone."""
        if self.is_quicklist and not is_over(self.limits, self.size, len(self.items) - self.head, 2):
            self.is_quicklist = False

    def push_left(self, value: bytes) -> None:
        """Add `value` at the front."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, True)
            self.revision += 1
            return
        self.grow(len(value), 1)
        if self.head == 0:
            self.open_gap(1)
        self.head -= 1
        self.items[self.head] = value
        self.size += entry_size(value)
        self.revision += 1

    def push_right(self, value: bytes) -> None:
        """Add `value` at the back."""
        if self.is_packed and self.stays_packed(len(value), 1):
            self.push_packed(value, False)
            self.revision += 1
            return
        self.grow(len(value), 1)
        self.items.append(value)
        self.size += entry_size(value)
        self.revision += 1

    def extend_left(self, values: Sequence[bytes]) -> None:
        """Add each of `values`, at least one, at the front in turn: the last of them becomes the first element."""
        value: bytes
        added: list[bytes] = list(values)
        if self.is_packed and self.stays_packed(sum(map(len, added)), len(added)):
            for value in added:
                self.push_packed(value, True)
            self.revision += 1
            return
        added.reverse()
        self.grow(sum(map(len, added)), len(added))
        if self.head < len(added):
            self.open_gap(len(added))
        self.items[self.head - len(added) : self.head] = added
        self.head -= len(added)
        self.size += measure(added)
        self.revision += 1

    def extend_right(self, values: Sequence[bytes]) -> None:
        """Add `values`, at least one, at the back."""
        value: bytes
        added: list[bytes] = list(values)
        if self.is_packed and self.stays_packed(sum(map(len, added)), len(added)):
            for value in added:
                self.push_packed(value, False)
            self.revision += 1
            return
        self.grow(sum(map(len, added)), len(added))
        self.items.extend(added)
        self.size += measure(added)
        self.revision += 1

    def open_gap(self, needed: cython.Py_ssize_t) -> None:
        """Make room for `needed` or more at the front, in proportion to the length: the moves are O(1) amortised."""
        gap: cython.Py_ssize_t = max(MIN_GAP, needed, len(self.items) >> 1)
        self.items[0:0] = [None] * gap  # type: ignore[list-item]
        self.head += gap

    def close_gap(self) -> None:
        """Give the room at the front back once it outgrows the elements."""
        if self.head > MIN_GAP and self.head * 2 > len(self.items):
            del self.items[0 : self.head]
            self.head = 0

    def pop_left(self) -> bytes | None:
        """Remove and return the first element; None when there is none."""
        if self.is_packed:
            if not self.run_count():
                return None
            popped = self.pop_packed(True)
            self.revision += 1
            return popped
        if self.head == len(self.items):
            return None
        value: bytes = self.items[self.head]
        self.items[self.head] = None  # type: ignore[call-overload]
        self.head += 1
        self.size -= entry_size(value)
        self.revision += 1
        self.close_gap()
        self.shrink()
        return value

    def pop_right(self) -> bytes | None:
        """Remove and return the last element; None when there is none."""
        if self.is_packed:
            if not self.run_count():
                return None
            popped = self.pop_packed(False)
            self.revision += 1
            return popped
        if self.head == len(self.items):
            return None
        value: bytes = self.items.pop()
        self.size -= entry_size(value)
        self.revision += 1
        self.close_gap()
        self.shrink()
        return value

    def pop_many(self, left: cython.bint, count: cython.Py_ssize_t) -> list[bytes]:
        """Remove and return up to `count` elements from one end, in the order of popping."""
        self.open()
        end: cython.Py_ssize_t = len(self.items)
        count = min(count, end - self.head)
        if left:
            popped = self.items[self.head : self.head + count]
            self.cut(0, count)
        else:
            popped = self.items[end - count : end]
            popped.reverse()
            self.cut(end - self.head - count, end - self.head)
        return popped

    def cut(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Delete the elements from `start` up to, not including, `stop` (indices that exist)."""
        if start == stop:
            return
        first: cython.Py_ssize_t = self.head + start
        last: cython.Py_ssize_t = self.head + stop
        if (last - first) * 2 <= len(self.items) - self.head:
            self.size -= measure(self.items[first:last])
        else:
            self.size = (
                HEADER_BYTES + measure(self.items[self.head : first]) + measure(self.items[last : len(self.items)])
            )
        if start == 0:
            self.items[first:last] = [None] * (last - first)  # type: ignore[list-item]
            self.head = last
        else:
            del self.items[first:last]
        self.revision += 1
        self.close_gap()
        self.shrink()

    def slice(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> list[bytes]:
        """The elements from `start` to `stop`, both inclusive; indices out of range are cut to it."""
        start, stop = clamp(start, stop, len(self))
        if self.is_packed:
            return self.slice_packed(start, stop)
        return self.items[self.head + start : self.head + stop]

    def to_list(self) -> list[bytes]:
        """All elements, in a list of its own."""
        if self.is_packed:
            return self.slice_packed(0, self.run_count())
        return self.items[self.head : len(self.items)]

    def replace(self, values: Sequence[bytes]) -> None:
        """Make `values` the elements, in place of those before."""
        self.open()
        self.items = untracked(list(values))
        self.head = 0
        self.size = HEADER_BYTES + measure(self.items)
        self.is_quicklist = is_over(self.limits, self.size, len(self.items), 1)
        self.revision += 1

    def index_of(self, index: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where the element `index` stands in `items`; -1 when there is none."""
        if index < 0:
            index += len(self.items) - self.head
        if index < 0 or index >= len(self.items) - self.head:
            return -1
        return self.head + index

    def get(self, index: cython.Py_ssize_t) -> bytes | None:
        """The element at `index`; None when there is none."""
        if self.is_packed:
            if index < 0:
                index += self.run_count()
            if index < 0 or index >= self.run_count():
                return None
            found: list[bytes] = self.slice_packed(index, index + 1)
            return found[0]
        at: cython.Py_ssize_t = self.index_of(index)
        return None if at < 0 else self.items[at]

    def set(self, index: cython.Py_ssize_t, value: bytes) -> cython.bint:
        """Put `value` at `index`; False when there is no such element.

        Counts as a change even when it is the same value.
        """
        self.open()
        at: cython.Py_ssize_t = self.index_of(index)
        if at < 0:
            return False
        self.grow(len(value), 1)
        self.size += entry_size(value) - entry_size(self.items[at])
        self.items[at] = value
        self.revision += 1
        self.shrink()
        return True

    def insert(self, pivot: bytes, value: bytes, before: cython.bint) -> int:
        """Put `value` next to the first element equal to `pivot`; return the new length, -1 without such an element."""
        self.open()
        # The reference, too, makes room before it knows that there is a pivot.
        self.grow(len(value), 1)
        try:
            at: cython.Py_ssize_t = self.items.index(pivot, self.head)
        except ValueError:
            return -1
        self.items.insert(at if before else at + 1, value)
        self.size += entry_size(value)
        self.revision += 1
        return len(self.items) - self.head

    def remove(self, count: cython.Py_ssize_t, value: bytes) -> int:
        """Delete elements equal to `value`: the first `count`, the last -`count`, or all when 0; return how many."""
        self.open()
        source = self.to_list()
        if value not in source:
            return 0
        most: cython.Py_ssize_t = len(source)
        if count != 0 and -most < count < most:
            most = abs(count)
        if count < 0:
            source.reverse()
        kept: list[bytes] = []
        for item in source:
            if most > 0 and item == value:
                most -= 1
            else:
                kept.append(item)
        if count < 0:
            kept.reverse()
        removed: int = len(source) - len(kept)
        self.items = untracked(kept)
        self.head = 0
        self.size -= removed * entry_size(value)
        self.revision += 1
        self.shrink()
        return removed

    def trim(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> None:
        """Keep the elements from `start` to `stop`, both inclusive, and delete the others."""
        self.open()
        n: cython.Py_ssize_t = len(self.items) - self.head
        first, last = clamp(start, stop, n)
        self.cut(last, n)
        self.cut(0, first)

    def find(
        self, value: bytes, rank: cython.Py_ssize_t, count: cython.Py_ssize_t, maxlen: cython.Py_ssize_t
    ) -> list[int]:
        """Indices of up to `count` (0: all) elements equal to `value`.

        The first abs(`rank`) - 1 of them are left out, and a negative `rank` searches from the back. At most `maxlen`
        (0: all) elements are compared.
        """
        self.open()
        n: cython.Py_ssize_t = len(self.items) - self.head
        compared: cython.Py_ssize_t = min(maxlen, n) if maxlen else n
        most: cython.Py_ssize_t = count if count else n
        skipped: cython.Py_ssize_t = abs(rank) - 1
        found: list[int] = []
        for i in range(compared):
            index = i if rank > 0 else n - 1 - i
            if self.items[self.head + index] != value:
                continue
            if skipped > 0:
                skipped -= 1
                continue
            found.append(index)
            if len(found) == most:
                break
        return found

    def copy(self) -> "List":
        """A list of its own with the same elements and encoding."""
        other = List(self.limits)
        if self.is_packed:
            other.share_run(self)
            return other
        other.open()
        other.items = untracked(self.to_list())
        other.size = self.size
        other.is_quicklist = self.is_quicklist
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the list and its elements."""
        if self.is_packed:
            return self.__sizeof__() + self.run_bytes()
        shown = self.items[self.head : self.head + 16]
        elements = elements_size(shown) * (len(self.items) - self.head) // max(1, len(shown))
        return self.__sizeof__() + 56 + 8 * len(self.items) + elements

    def release(self, count: cython.Py_ssize_t) -> bool:
        """Free up to `count` elements, of a list that no key holds any more; True when none is left."""
        self.open()
        del self.items[max(self.head, len(self.items) - count) : len(self.items)]
        return len(self.items) == self.head
