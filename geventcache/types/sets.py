# cython: boundscheck=False, wraparound=False
"""The set: different members, and the name of their encoding.

The encoding follows the reference: "intset" while all members are integers, then "listpack" or "hashtable"; it never
goes back, except that a pop of most members makes a small set anew.
"""

from collections.abc import Iterable, Sequence

import cython

from geventcache.types.elements import HASHTABLE, INTSET, LISTPACK, Elements
from geventcache.types.limits import EncodingLimits
from geventcache.types.listpack import integer_width

NAMES = (b"intset", b"listpack", b"hashtable")
# A pop that takes this many times as many members as it leaves makes a new set of the rest.
MOST_POPPED = 5


class Set(Elements):
    """Different members, all bytes."""

    type_name = b"set"

    def __init__(self, limits: EncodingLimits) -> None:
        self.begin(limits, INTSET, 1)

    @staticmethod
    def unpack(run: bytes, limits: EncodingLimits) -> "Set":
        """The set that was packed."""
        found: Set = Set.__new__(Set)
        found.load(run, limits, 1)
        return found

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return NAMES[self.form]

    def add(self, member: bytes) -> cython.bint:
        """Add `member`; False when it is there already."""
        if self.form == HASHTABLE:
            return self.put(member, None)
        if not len(self):
            self.choose(member, 1)
        return self.add_small(member)

    def add_many(self, members: Sequence[bytes]) -> cython.Py_ssize_t:
        """Add all of `members`, at least one, and return how many are new.

        Their number, repeated ones included, changes the encoding.
        """
        added: cython.Py_ssize_t = 0
        if self.form != HASHTABLE:
            self.choose(members[0], len(members))
        for member in members:
            if self.put(member, None) if self.form == HASHTABLE else self.add_small(member):
                added += 1
        return added

    def choose(self, first: bytes, count: cython.Py_ssize_t) -> None:
        """Set the encoding as the reference does when `count` members, `first` first, are about to come."""
        if self.form == INTSET:
            if count <= self.limits.set_max_intset_entries and (len(self) or integer_width(first)):
                return
            if not len(self) and count <= self.limits.set_max_listpack_entries:
                self.become(LISTPACK)
                return
        elif count <= self.limits.set_max_listpack_entries:
            return
        self.become(HASHTABLE)

    def add_small(self, member: bytes) -> cython.bint:
        """Add `member` to a set that is not a hashtable; False when it is there already."""
        if self.form == INTSET and not integer_width(member):
            self.leave_intset(member)
        # Before it comes: what fails then has changed nothing.
        if not self.admits(member) and not self.has(member):
            self.become(HASHTABLE)
        return self.put(member, None)

    def admits(self, member: bytes) -> cython.bint:
        """Does the encoding stay when this one comes, if it is new?"""
        count: cython.Py_ssize_t = len(self)
        if self.form == INTSET:
            return count < self.limits.set_max_intset_entries
        return (
            count < self.limits.set_max_listpack_entries and len(member) <= self.limits.set_max_listpack_value
        ) or self.form == HASHTABLE

    def leave_intset(self, member: bytes) -> None:
        """`member`, which is no integer, is about to come; those before it keep the order that an intset has."""
        longest = max(map(len, self.names()), default=0)
        self.become(LISTPACK if longest <= self.limits.set_max_listpack_value else HASHTABLE)

    def pop_random(self) -> bytes | None:
        """Remove and return a fair choice of the members; None when there is none."""
        if not len(self):
            return None
        member: bytes = self.random_name()
        self.drop(member)
        return member

    def pop_many(self, count: cython.Py_ssize_t) -> list[bytes]:
        """Remove and return up to `count` different members, a fair choice."""
        popped: list[bytes] = self.random_names(count)
        for member in popped:
            self.drop(member)
        if self.form == HASHTABLE and len(self) * MOST_POPPED <= len(popped):
            self.shrink()
        return popped

    def shrink(self) -> None:
        """Name the encoding as if the set were new, but for integers."""
        if len(self) <= self.limits.set_max_listpack_entries:
            longest = max(map(len, self.names()), default=0)
            if longest <= self.limits.set_max_listpack_value:
                self.become(LISTPACK)

    def fill(self, members: Iterable[bytes], keeps_order: bool = False) -> None:
        """Add `members` as the result of a set operation, one by one to this set, which is empty.

        Integers that come before other members are put in order, as an intset does it, unless the result `keeps_order`.
        """
        found = dict.fromkeys(members)
        if keeps_order and not all(map(integer_width, found)):
            self.become(LISTPACK)
        if len(found) > max(self.limits.set_max_intset_entries, self.limits.set_max_listpack_entries):
            self.become(HASHTABLE)
        for member in found:
            self.add(member)

    def copy(self) -> "Set":
        """A set of its own with the same members and encoding."""
        other = Set(self.limits)
        other.take_over(self)
        return other
