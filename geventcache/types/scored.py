"""What a sorted set is made of: members (bytes) with scores, ordered by score and then by the bytes of the member.

The compiled build has this class from ``scored.pyx``, which packs what is small and puts what is large on a Table;
this is its twin, a dict beside an order, which serves uncompiled. One test-suite runs on both. The rules, for users of
either:

- Ranks count from 0. A score is not NaN.
- `form` is the encoding's name: its owner decides on it, and how members are held does not follow from it alone.
- A container that can be packed is what its run is: `load` of `pack`. The twin packs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geventcache.resp.values import Pairs
from geventcache.types.container import Container
from geventcache.types.dict_pick import random_keys
from geventcache.types.footprint import elements_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.random_pick import below
from geventcache.types.ranked import Ranked
from geventcache.types.snapshots import ScanCursors

LISTPACK, SKIPLIST = 1, 2
# A score's object in the dict, then a double and a reference in the order with the room of growing arrays.
PAIR_BYTES = 32 + 20
# The order's own objects: its arrays, and the first chunk with its lists.
ORDER_BYTES = 750


class Scored(Container):
    """Members with scores, in order.

    Attributes:
        form: the encoding's name: LISTPACK or SKIPLIST.
    """

    def begin(self, limits: EncodingLimits) -> None:
        """Be empty."""
        self.revision = 0
        self.scores: dict[bytes, float] = {}
        self.order = Ranked()
        self.form = LISTPACK
        self.limits = limits
        self.cursors: ScanCursors | None = None

    def pack(self) -> bytes | None:
        """The run, None if there is none that is short enough to stand in a record."""
        return None

    def load(self, run: bytes, limits: EncodingLimits) -> None:
        """Be what was packed."""
        raise NotImplementedError

    # ------------------------------------------------------------------ one member

    def __len__(self) -> int:
        return len(self.scores)

    def __contains__(self, member: bytes) -> bool:
        return member in self.scores

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.between(0, len(self.scores)))

    def has(self, member: bytes) -> bool:
        """Is there such a member?"""
        return member in self.scores

    def score(self, member: bytes) -> float | None:
        """The score of a member; None if there is no such member."""
        return self.scores.get(member)

    def put(self, member: bytes, score: float) -> int:
        """Give a member a score: 1 if it is new, 0 if its score changed, -1 if it has this score already."""
        old = self.scores.get(member)
        if old is not None:
            if old == score:
                return -1
            self.order.remove(old, member)
        self.scores[member] = score
        self.order.add(score, member)
        self.revision += 1
        return 1 if old is None else 0

    def drop(self, member: bytes) -> bool:
        """Remove a member; False if there is no such member."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        self.order.remove(score, member)
        self.revision += 1
        return True

    # ------------------------------------------------------------------ ranks

    def rank_of(self, member: bytes) -> int:
        """The rank of a member; -1 if there is no such member."""
        score = self.scores.get(member)
        return -1 if score is None else self.order.rank(score, member)

    def score_rank(self, score: float, after: bool) -> int:
        """How many members have a score less than `score`, or not greater with `after`."""
        return self.order.score_rank(score, after)

    def member_rank(self, member: bytes, after: bool) -> int:
        """How many members come before `member`, or are it with `after`; they are in the order of their bytes."""
        return self.order.member_rank(member, after)

    def between(self, start: int, stop: int) -> list[bytes]:
        """The members of rank `start` up to, not including, `stop` (ranks that exist)."""
        return self.order.members(start, stop)

    def pairs_between(self, start: int, stop: int) -> list[tuple[bytes, float]]:
        """The same members with their scores."""
        return self.order.pairs(start, stop)

    def shown_between(self, start: int, stop: int, with_scores: bool) -> Any:
        """The same members as a reply, to be used before there is a change."""
        return Pairs(self.order.pairs(start, stop)) if with_scores else self.order.members(start, stop)

    def delete_between(self, start: int, stop: int) -> int:
        """Remove the members of rank `start` up to, not including, `stop` (ranks that exist); return how many."""
        removed = self.order.delete(start, stop)
        for member in removed:
            del self.scores[member]
        if removed:
            self.revision += 1
        return len(removed)

    def pop_end(self, last: bool) -> tuple[bytes, float]:
        """Remove and return the first member with its score, or the last; there is one at least."""
        pair = self.order.pop_end(last)
        del self.scores[pair[0]]
        self.revision += 1
        return pair

    # ------------------------------------------------------------------ all members

    def random_member(self) -> bytes:
        """A fair choice of the members, of which there is one at least."""
        rank = below(self.order.size)
        return self.order.members(rank, rank + 1)[0]

    def random_members(self, count: int) -> list[bytes]:
        """A fair choice of `count` different members, or all of them if there are fewer."""
        return random_keys(self.scores, count)

    def to_dict(self) -> dict[bytes, float]:
        """Scores by member; it may be the container's own, so it is to be read at once."""
        return self.scores

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """A page of members, and the next cursor, 0 after the last; few members come whole.

        A member that stays while all pages are read comes once.
        """
        if self.form == LISTPACK:
            return 0, self.between(0, len(self.scores))
        if self.cursors is None:
            self.cursors = ScanCursors()
        return self.cursors.page(lambda: list(self.scores), cursor, count)

    def replace_all(self, members: list[bytes], scores: list[float]) -> None:
        """Have these members, which are in order, with their scores, and be a LISTPACK."""
        self.form = LISTPACK
        self.scores = dict(zip(members, scores, strict=True))
        self.order.fill(scores, members)
        self.revision += 1

    def become(self, form: int) -> None:
        """Have another encoding's name."""
        self.form = form

    def take_over(self, other: Scored) -> None:
        """Have the same members, scores and form as another container, whose limits are the same."""
        self.scores = dict(other.scores)
        self.order = other.order.copy()
        self.form = other.form

    def memory_usage(self) -> int:
        """Estimated bytes of the container and its members."""
        pairs = elements_size(self.scores) + PAIR_BYTES * len(self.scores)
        return self.__sizeof__() + self.scores.__sizeof__() + ORDER_BYTES + pairs

    def release(self, count: int) -> bool:
        """Free about `count` members, of a container that no key holds any more; True when none is left."""
        size = len(self.scores)
        self.delete_between(max(0, size - count), size)
        return not self.scores
