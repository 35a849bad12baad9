# cython: boundscheck=False, wraparound=False
"""The sorted set: members with scores, the windows that commands ask for, and the name of the encoding.

A *window* is a pair of ranks, the first in it and the first behind it: ranges by score, by member or by rank all
become one, and then reading, counting and removing are the same for all of them.
"""

import cython

from geventcache.types.limits import EncodingLimits
from geventcache.types.scored import LISTPACK, SKIPLIST, Scored


def in_order(scores: dict[bytes, float]) -> list[bytes]:
    """The members by their scores, those of one score by their bytes."""
    members = sorted(scores)
    members.sort(key=scores.__getitem__)
    return members


class SortedSet(Scored):
    """Members (bytes) with scores (floats, not NaN), ordered by score and then by the bytes of the member."""

    type_name = b"zset"

    def __init__(self, limits: EncodingLimits) -> None:
        self.begin(limits)

    @staticmethod
    def unpack(run: bytes, limits: EncodingLimits) -> "SortedSet":
        """The sorted set that was packed."""
        found: SortedSet = SortedSet.__new__(SortedSet)
        found.load(run, limits)
        return found

    @property
    def is_skiplist(self) -> bool:
        """It outgrew the small encoding, or was sorted; for good."""
        return self.form == SKIPLIST

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"skiplist" if self.form == SKIPLIST else b"listpack"

    def expect(self, count: cython.Py_ssize_t, longest: cython.Py_ssize_t) -> None:
        """One command is about to add `count` members, the longest of `longest` bytes.

        That may change the encoding, whatever the command then adds.
        """
        if count > self.limits.zset_max_listpack_entries or longest > self.limits.zset_max_listpack_value:
            self.become(SKIPLIST)

    def add(self, member: bytes, score: cython.double) -> cython.int:
        """Give `member` a score: 1 when it is new, 0 when its score changed, -1 when it has this score already."""
        if self.form == LISTPACK:
            if (
                len(self) >= self.limits.zset_max_listpack_entries or len(member) > self.limits.zset_max_listpack_value
            ) and not self.has(member):
                self.become(SKIPLIST)
            elif score == 0.0:
                score = 0.0  # the small encoding has no negative zero
        return self.put(member, score)

    def rank(self, member: bytes, reverse: cython.bint = False) -> cython.Py_ssize_t:
        """The rank of `member` from 0, counted from the highest with `reverse`; -1 when it is not there."""
        rank: cython.Py_ssize_t = self.rank_of(member)
        return len(self) - 1 - rank if reverse and rank >= 0 else rank

    def score_window(
        self, low: cython.double, low_open: cython.bint, high: cython.double, high_open: cython.bint
    ) -> tuple[int, int]:
        """The window of the scores from `low` to `high`, without the bounds that are open."""
        start: cython.Py_ssize_t = self.score_rank(low, low_open)
        stop: cython.Py_ssize_t = self.score_rank(high, not high_open)
        return start, max(start, stop)

    def lex_window(
        self, low: bytes | None, low_open: cython.bint, high: bytes | None, high_open: cython.bint
    ) -> tuple[int, int]:
        """The window of the members from `low` to `high`, without the bounds that are open; None is no bound.

        Members are in the order of their bytes, as they are where all scores are the same.
        """
        start = 0 if low is None else self.member_rank(low, low_open)
        stop = len(self) if high is None else self.member_rank(high, not high_open)
        return start, max(start, stop)

    def members(self, start: cython.Py_ssize_t, count: cython.Py_ssize_t, reverse: cython.bint = False) -> list[bytes]:
        """Up to `count` members from rank `start` on; with `reverse` ranks and members go from the highest down."""
        n: cython.Py_ssize_t = len(self)
        start = min(max(start, 0), n)
        count = min(max(count, 0), n - start)
        if not reverse:
            return self.between(start, start + count)
        found: list[bytes] = self.between(n - start - count, n - start)
        found.reverse()
        return found

    def pairs(
        self, start: cython.Py_ssize_t, count: cython.Py_ssize_t, reverse: cython.bint = False
    ) -> list[tuple[bytes, float]]:
        """The same members with their scores."""
        n: cython.Py_ssize_t = len(self)
        start = min(max(start, 0), n)
        count = min(max(count, 0), n - start)
        if not reverse:
            return self.pairs_between(start, start + count)
        found: list[tuple[bytes, float]] = self.pairs_between(n - start - count, n - start)
        found.reverse()
        return found

    def pop(self, count: cython.Py_ssize_t, reverse: cython.bint = False) -> list[tuple[bytes, float]]:
        """Remove and return up to `count` members from the lowest score up, or from the highest down with `reverse`."""
        n: cython.Py_ssize_t = len(self)
        if count == 1 and n:
            return [self.pop_end(reverse)]
        popped: list[tuple[bytes, float]] = self.pairs(0, count, reverse)
        if reverse:
            self.delete_between(n - len(popped), n)
        else:
            self.delete_between(0, len(popped))
        return popped

    def fill(self, scores: dict[bytes, float]) -> None:
        """Take these members and scores in place of those before, and the encoding of a result of this size."""
        longest = max(map(len, scores), default=0)
        is_small = (
            len(scores) <= self.limits.zset_max_listpack_entries and longest <= self.limits.zset_max_listpack_value
        )
        members = in_order(scores)
        self.replace_all(members, [scores[member] or 0.0 if is_small else scores[member] for member in members])
        if not is_small:
            self.become(SKIPLIST)

    def copy(self) -> "SortedSet":
        """A sorted set of its own with the same members, scores and encoding."""
        other = SortedSet(self.limits)
        other.take_over(self)
        return other
