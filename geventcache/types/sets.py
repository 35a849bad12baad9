# cython: boundscheck=False, wraparound=False
"""The set: members as the keys of a dict whose values are all None.

A dict rather than a set: small collections answer in the order in which their members came, as the reference's do,
instead of an order that differs from one process to the next; a fair random member is O(1) with what the
interpreter's public interface offers; and the garbage collector leaves a dict of bytes alone, while it walks every
set.

The encoding follows the reference: "intset" while all members are integers, then "listpack" or "hashtable"; it never
goes back, except that a pop of most members makes a small set anew.
"""

from collections.abc import Iterable, Iterator, KeysView, Sequence

import cython

from geventcache.types.container import Container
from geventcache.types.footprint import elements_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.listpack import integer_width
from geventcache.types.random_pick import random_key, random_keys
from geventcache.types.snapshots import ScanCursors

INTSET = 0
LISTPACK = 1
HASHTABLE = 2
NAMES = (b"intset", b"listpack", b"hashtable")
HOLES_ALLOWED = 64
# A pop that takes this many times as many members as it leaves makes a new set of the rest.
MOST_POPPED = 5


class Set(Container):
    """Different members, all bytes.

    Attributes:
        table: the members as keys, in order of insertion; to be read only.
    """

    type_name = b"set"

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.table: dict[bytes, None] = {}
        self.limits = limits
        self.form = INTSET
        self.holes = 0
        self.cursors: ScanCursors | None = None

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, member: bytes) -> bool:
        return member in self.table

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.to_list())

    @property
    def members(self) -> KeysView[bytes]:
        """A live view of the members that takes part in &, |, - and ^ as a Python set does."""
        return self.table.keys()

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return NAMES[self.form]

    def to_list(self) -> list[bytes]:
        """All members: in order of value in an intset, else of insertion."""
        return sorted(self.table, key=int) if self.form == INTSET else list(self.table)

    def contains(self, member: bytes) -> cython.bint:
        """`member` is in the set."""
        return member in self.table

    def add(self, member: bytes) -> cython.bint:
        """Add `member`; False when it is there already."""
        if self.form != HASHTABLE:
            if not self.table:
                self.choose(member, 1)
            return self.add_small(member)
        before: cython.Py_ssize_t = len(self.table)
        self.table[member] = None
        if len(self.table) == before:
            return False
        self.revision += 1
        return True

    def add_many(self, members: Sequence[bytes]) -> cython.Py_ssize_t:
        """Add all of `members`, at least one, and return how many are new.

        Their number, repeated ones included, changes the encoding.
        """
        before: cython.Py_ssize_t = len(self.table)
        if self.form != HASHTABLE:
            self.choose(members[0], len(members))
        for member in members:
            if self.form != HASHTABLE:
                self.add_small(member)
            else:
                self.table[member] = None
        added: cython.Py_ssize_t = len(self.table) - before
        if added:
            self.revision += 1
        return added

    def choose(self, first: bytes, count: cython.Py_ssize_t) -> None:
        """Set the encoding as the reference does when `count` members, `first` first, are about to come."""
        if self.form == INTSET:
            if count <= self.limits.set_max_intset_entries and (self.table or integer_width(first)):
                return
            if not self.table and count <= self.limits.set_max_listpack_entries:
                self.form = LISTPACK
                return
        elif count <= self.limits.set_max_listpack_entries:
            return
        self.form = HASHTABLE

    def add_small(self, member: bytes) -> cython.bint:
        """Add `member` to a set that is not a hashtable; False when it is there already."""
        if member in self.table:
            return False
        if self.form == INTSET and not integer_width(member):
            self.leave_intset(member)
        self.table[member] = None
        self.revision += 1
        if self.form == INTSET:
            if len(self.table) > self.limits.set_max_intset_entries:
                self.form = HASHTABLE
        elif len(self.table) > self.limits.set_max_listpack_entries or len(member) > self.limits.set_max_listpack_value:
            self.form = HASHTABLE
        return True

    def leave_intset(self, member: bytes) -> None:
        """`member`, which is no integer, is about to come; those before it keep the order that an intset has."""
        self.table = dict.fromkeys(self.to_list())
        self.holes = 0
        longest = max(map(len, self.table), default=0)
        self.form = LISTPACK if longest <= self.limits.set_max_listpack_value else HASHTABLE

    def remove(self, member: bytes) -> cython.bint:
        """Remove `member`; False when it is not there."""
        if member not in self.table:
            return False
        del self.table[member]
        self.holes += 1
        self.revision += 1
        return True

    def bound(self) -> cython.Py_ssize_t:
        """At most how many members and holes the dict has.

        Holes are closed when there are many, so that choices stay quick.
        """
        if self.holes > 2 * len(self.table) + HOLES_ALLOWED:
            self.table = dict(self.table)
            self.holes = 0
        return len(self.table) + self.holes

    def random_member(self) -> bytes:
        """A fair choice of the members, of which there is one at least."""
        return random_key(self.table, self.bound())

    def random_members(self, count: cython.Py_ssize_t) -> list[bytes]:
        """A fair choice of `count` different members, or all of them when there are fewer."""
        return random_keys(self.table, self.bound(), count)

    def pop_random(self) -> bytes | None:
        """Remove and return a fair choice of the members; None when there is none."""
        if not self.table:
            return None
        member: bytes = random_key(self.table, self.bound())
        del self.table[member]
        self.holes += 1
        self.revision += 1
        return member

    def pop_many(self, count: cython.Py_ssize_t) -> list[bytes]:
        """Remove and return up to `count` different members, a fair choice."""
        popped = self.random_members(count)
        for member in popped:
            self.remove(member)
        if self.form == HASHTABLE and len(self.table) * MOST_POPPED <= len(popped):
            self.shrink()
        return popped

    def shrink(self) -> None:
        """Name the encoding as if the set were new, but for integers."""
        if len(self.table) <= self.limits.set_max_listpack_entries:
            longest = max(map(len, self.table), default=0)
            if longest <= self.limits.set_max_listpack_value:
                self.form = LISTPACK

    def scan(self, cursor: int, count: cython.Py_ssize_t) -> tuple[int, list[bytes]]:
        """A page of members of an SSCAN, and its next cursor.

        Members may be gone when they come; a small set comes whole.
        """
        if self.form != HASHTABLE:
            return 0, self.to_list()
        if self.cursors is None:
            self.cursors = ScanCursors()
        return self.cursors.page(lambda: list(self.table), cursor, count)

    def fill(self, members: Iterable[bytes], keeps_order: bool = False) -> None:
        """Add `members` as the result of a set operation, one by one to this set, which is empty.

        Integers that come before other members are put in order, as an intset does it, unless the result `keeps_order`.
        """
        found = dict.fromkeys(members)
        if keeps_order and not all(map(integer_width, found)):
            self.form = LISTPACK
        if len(found) > max(self.limits.set_max_intset_entries, self.limits.set_max_listpack_entries):
            self.table = found
            self.form = HASHTABLE
            self.revision += 1
            return
        for member in found:
            self.add(member)

    def copy(self) -> "Set":
        """A set of its own with the same members and encoding."""
        other = Set(self.limits)
        other.table = dict(self.table)
        other.holes = self.holes
        other.form = self.form
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the set and its members."""
        return self.__sizeof__() + self.table.__sizeof__() + elements_size(self.table)

    def release(self, count: cython.Py_ssize_t) -> bool:
        """Free up to `count` members, of a set that no key holds any more; True when none is left."""
        for _ in range(min(count, len(self.table))):
            self.table.popitem()
        return not self.table
