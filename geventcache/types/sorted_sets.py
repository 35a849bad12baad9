# cython: boundscheck=False, wraparound=False
"""The sorted set: a dict from member to score, and the same pairs in order.

A *window* is a pair of ranks, the first in it and the first behind it: ranges by score, by member or by rank all
become one, and then reading, counting and removing are the same for all of them.
"""

from collections.abc import Iterator

import cython

from geventcache.types.container import Container
from geventcache.types.footprint import elements_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.random_pick import below, random_keys
from geventcache.types.ranked import Ranked
from geventcache.types.snapshots import ScanCursors

# A score's object in the dict, then a double and a reference in the order with the room of growing arrays.
PAIR_BYTES = 32 + 20
# The order's own objects: its arrays, and the first chunk with its lists.
ORDER_BYTES = 750


def in_order(scores: dict[bytes, float]) -> list[bytes]:
    """The members by their scores, those of one score by their bytes."""
    members = sorted(scores)
    members.sort(key=scores.__getitem__)
    return members


class SortedSet(Container):
    """Members (bytes) with scores (floats, not NaN), ordered by score and then by the bytes of the member.

    Attributes:
        scores: the scores by member; to be read only.
        order: the same pairs in order; to be read only.
        is_skiplist: it outgrew the small encoding, or was sorted; for good.
    """

    type_name = b"zset"

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.scores: dict[bytes, float] = {}
        self.order = Ranked()
        self.is_skiplist = False
        self.limits = limits
        self.cursors: ScanCursors | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def __contains__(self, member: bytes) -> bool:
        return member in self.scores

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.order.members(0, self.order.size))

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"skiplist" if self.is_skiplist else b"listpack"

    def expect(self, count: cython.Py_ssize_t, longest: cython.Py_ssize_t) -> None:
        """One command is about to add `count` members, the longest of `longest` bytes.

        That may change the encoding, whatever the command then adds.
        """
        if count > self.limits.zset_max_listpack_entries or longest > self.limits.zset_max_listpack_value:
            self.is_skiplist = True

    def add(self, member: bytes, score: cython.double) -> cython.int:
        """Give `member` a score: 1 when it is new, 0 when its score changed, -1 when it has this score already."""
        old = self.scores.get(member)
        if old is None and not self.is_skiplist:
            self.expect(len(self.scores) + 1, len(member))
        if score == 0.0 and not self.is_skiplist:
            score = 0.0  # the small encoding has no negative zero
        if old is None:
            self.scores[member] = score
            self.order.add(score, member)
            self.revision += 1
            return 1
        before: cython.double = old
        if before == score:
            return -1
        self.order.remove(before, member)
        self.order.add(score, member)
        self.scores[member] = score
        self.revision += 1
        return 0

    def remove(self, member: bytes) -> cython.bint:
        """Remove `member`; False when it is not there."""
        old = self.scores.get(member)
        if old is None:
            return False
        self.order.remove(old, member)
        del self.scores[member]
        self.revision += 1
        return True

    def score(self, member: bytes) -> float | None:
        """The score of `member`; None when it is not there."""
        return self.scores.get(member)

    def rank(self, member: bytes, reverse: cython.bint = False) -> cython.Py_ssize_t:
        """The rank of `member` from 0, counted from the highest with `reverse`; -1 when it is not there."""
        score = self.scores.get(member)
        if score is None:
            return -1
        rank: cython.Py_ssize_t = self.order.rank(score, member)
        return self.order.size - 1 - rank if reverse else rank

    def score_window(
        self, low: cython.double, low_open: cython.bint, high: cython.double, high_open: cython.bint
    ) -> tuple[int, int]:
        """The window of the scores from `low` to `high`, without the bounds that are open."""
        start: cython.Py_ssize_t = self.order.score_rank(low, low_open)
        stop: cython.Py_ssize_t = self.order.score_rank(high, not high_open)
        return start, max(start, stop)

    def lex_window(
        self, low: bytes | None, low_open: cython.bint, high: bytes | None, high_open: cython.bint
    ) -> tuple[int, int]:
        """The window of the members from `low` to `high`, without the bounds that are open; None is no bound.

        All scores are the same.
        """
        start = 0 if low is None else self.order.member_rank(low, low_open)
        stop = self.order.size if high is None else self.order.member_rank(high, not high_open)
        return start, max(start, stop)

    def members(self, start: cython.Py_ssize_t, count: cython.Py_ssize_t, reverse: cython.bint = False) -> list[bytes]:
        """Up to `count` members from rank `start` on; with `reverse` ranks and members go from the highest down."""
        n: cython.Py_ssize_t = self.order.size
        start = min(max(start, 0), n)
        count = min(max(count, 0), n - start)
        if not reverse:
            return self.order.members(start, start + count)
        found: list[bytes] = self.order.members(n - start - count, n - start)
        found.reverse()
        return found

    def pairs(
        self, start: cython.Py_ssize_t, count: cython.Py_ssize_t, reverse: cython.bint = False
    ) -> list[tuple[bytes, float]]:
        """The same members with their scores."""
        n: cython.Py_ssize_t = self.order.size
        start = min(max(start, 0), n)
        count = min(max(count, 0), n - start)
        if not reverse:
            return self.order.pairs(start, start + count)
        found: list[tuple[bytes, float]] = self.order.pairs(n - start - count, n - start)
        found.reverse()
        return found

    def pop(self, count: cython.Py_ssize_t, reverse: cython.bint = False) -> list[tuple[bytes, float]]:
        """Remove and return up to `count` members from the lowest score up, or from the highest down with `reverse`."""
        if count == 1 and self.scores:
            return [self.pop_end(reverse)]
        popped: list[tuple[bytes, float]] = self.pairs(0, count, reverse)
        n: cython.Py_ssize_t = self.order.size
        if reverse:
            self.remove_window(n - len(popped), n)
        else:
            self.remove_window(0, len(popped))
        return popped

    def pop_end(self, last: cython.bint) -> tuple[bytes, float]:
        """Remove and return the member of the lowest score, or of the highest; there is one at least."""
        pair = self.order.pop_end(last)
        del self.scores[pair[0]]
        self.revision += 1
        return pair

    def remove_window(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> int:
        """Remove the members of ranks `start` up to, not including, `stop` (ranks that exist); return how many."""
        removed = self.order.delete(start, stop)
        for member in removed:
            del self.scores[member]
        if removed:
            self.revision += 1
        return len(removed)

    def random_member(self) -> bytes:
        """A fair choice of the members, of which there is one at least."""
        rank = below(self.order.size)
        return self.order.members(rank, rank + 1)[0]

    def random_members(self, count: cython.Py_ssize_t) -> list[bytes]:
        """A fair choice of `count` different members, or all of them when there are fewer."""
        n = self.order.size
        if count > n // 3:
            return random_keys(self.scores, n, count)
        found: set[bytes] = set()
        while len(found) < count:
            found.add(self.random_member())
        return list(found)

    def scan(self, cursor: int, count: cython.Py_ssize_t) -> tuple[int, list[bytes]]:
        """A page of members of a ZSCAN, and its next cursor.

        Members may be gone when they come; a small sorted set comes whole.
        """
        if not self.is_skiplist:
            return 0, self.order.members(0, self.order.size)
        if self.cursors is None:
            self.cursors = ScanCursors()
        return self.cursors.page(lambda: list(self.scores), cursor, count)

    def fill(self, scores: dict[bytes, float]) -> None:
        """Take these members and scores in place of those before, and the encoding of a result of this size."""
        self.is_skiplist = False
        self.expect(len(scores), max(map(len, scores), default=0))
        self.scores = dict(scores) if self.is_skiplist else {member: score or 0.0 for member, score in scores.items()}
        members = in_order(self.scores)
        self.order.fill([self.scores[member] for member in members], members)
        self.revision += 1

    def copy(self) -> "SortedSet":
        """A sorted set of its own with the same members, scores and encoding."""
        other = SortedSet(self.limits)
        other.scores = dict(self.scores)
        other.order = self.order.copy()
        other.is_skiplist = self.is_skiplist
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the sorted set and its members."""
        pairs = elements_size(self.scores) + PAIR_BYTES * len(self.scores)
        return self.__sizeof__() + self.scores.__sizeof__() + ORDER_BYTES + pairs

    def release(self, count: cython.Py_ssize_t) -> bool:
        """Free up to `count` members, of a sorted set that no key holds any more; True when none is left."""
        n = self.order.size
        self.remove_window(max(0, n - count), n)
        return self.order.size == 0
