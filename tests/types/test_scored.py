"""What sorted sets are made of, across the bounds of every way to hold them, beside a dict that is sorted when read."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.base.build import IS_COMPILED
from geventcache.types.limits import EncodingLimits
from geventcache.types.sorted_sets import SortedSet

INF = float("inf")
SCORES = [0.0, -0.0, 1.0, -1.0, 127.0, 128.0, -129.0, 1e6, 2.0**31, -(2.0**47), 2.0**53 - 1, 2.0**53, 1e300, 0.1, -2.5]
MEMBERS = [b"", b"0", b"10", b"9", b"-5", b"2147483648", b"a", b"ab", b"\xff", *(b"x" * n for n in (64, 65, 300, 3000))]

members = st.sampled_from(MEMBERS)
scores = st.sampled_from([*SCORES, INF, -INF])
kinds = st.sampled_from(["equal", "few", "random", "up", "down"])


def scores_of(kind: str, count: int) -> list[float]:
    """`count` scores in the order in which they are added."""
    rng = random.Random(count)
    return {
        "equal": [0.0] * count,
        "few": [float(rng.randrange(3)) for _ in range(count)],
        "random": [rng.random() for _ in range(count)],
        "up": [float(i) for i in range(count)],
        "down": [float(-i) for i in range(count)],
    }[kind]


class SortedSetMachine(RuleBasedStateMachine):
    """A sorted set that is packed, outgrows that, and is copied, beside a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.zset = SortedSet(EncodingLimits())
        self.model: dict[bytes, float] = {}

    def order(self) -> list[tuple[bytes, float]]:
        """Members and scores in order."""
        return sorted(self.model.items(), key=lambda pair: (pair[1], pair[0]))

    @rule(pairs=st.lists(st.tuples(members, scores), max_size=6))
    def add(self, pairs):
        """Members are given scores one by one."""
        for member, score in pairs:
            old = self.model.get(member)
            assert self.zset.add(member, score) == (1 if old is None else -1 if old == score else 0)
            self.model[member] = score if old != score else old

    @rule(count=st.sampled_from([20, 130, 700]), kind=kinds, first=st.integers(0, 300))
    def add_many(self, count, kind, first):
        """Many are."""
        for number, score in enumerate(scores_of(kind, count), first):
            member = b"member:%d" % (number * 7919 % 1009)
            assert (self.zset.add(member, score) == 1) is (member not in self.model)
            self.model[member] = score

    @rule(numbers=st.lists(st.integers(0, 1008), max_size=40), some=st.lists(members, max_size=3))
    def remove(self, numbers, some):
        """Members go."""
        for member in [b"member:%d" % number for number in numbers] + some:
            assert self.zset.drop(member) is (self.model.pop(member, None) is not None)

    @rule(part=st.floats(0, 1), share=st.sampled_from([0.01, 0.3, 0.99]))
    def remove_window(self, part, share):
        """A range of ranks goes."""
        start = int(part * len(self.model))
        window = self.order()[start : start + int(share * len(self.model))]
        assert self.zset.delete_between(start, start + len(window)) == len(window)
        for member, _ in window:
            del self.model[member]

    @rule(count=st.sampled_from([1, 2, 200]), reverse=st.booleans())
    def pop(self, count, reverse):
        """Either end goes."""
        expected = self.order()[:: -1 if reverse else 1][:count]
        assert self.zset.pop(count, reverse) == expected
        for member, _ in expected:
            del self.model[member]

    @rule(low=scores, high=scores, low_open=st.booleans(), high_open=st.booleans())
    def read_scores(self, low, high, low_open, high_open):
        """A range of scores is a range of ranks."""
        start, stop = self.zset.score_window(low, low_open, high, high_open)
        inside = [
            pair
            for pair in self.order()
            if (low < pair[1] or (not low_open and low == pair[1]))
            and (pair[1] < high or (not high_open and pair[1] == high))
        ]
        assert self.zset.pairs(start, stop - start) == inside

    @rule(part=st.floats(0, 1), count=st.sampled_from([0, 1, 300]), reverse=st.booleans())
    def read_ranks(self, part, count, reverse):
        """Ranges of ranks, and the ranks of members."""
        start = int(part * len(self.model))
        ordered = self.order()[:: -1 if reverse else 1]
        assert self.zset.members(start, count, reverse) == [pair[0] for pair in ordered[start : start + count]]
        for rank in range(0, len(ordered), 1 + len(ordered) // 20):
            member, score = ordered[rank]
            assert (self.zset.rank(member, reverse), self.zset.score(member)) == (rank, score)

    @rule(some=st.dictionaries(members, scores))
    def fill(self, some):
        """A result takes its place."""
        self.zset.fill(some)
        self.model = dict(some)

    @rule(count=st.sampled_from([1, 5, 60]))
    def draw(self, count):
        """Choices are different and present."""
        found = self.zset.random_members(count)
        assert len(found) == len(set(found)) == min(count, len(self.model))
        assert self.model.keys() >= set(found)

    @rule()
    def pack(self):
        """The key that holds it is looked at again, and what was packed does not change with it."""
        run = self.zset.pack()
        if run is not None:
            kept = bytes(bytearray(run))
            other = SortedSet.unpack(run, EncodingLimits())
            assert other.encoding() == self.zset.encoding()
            other.add(b"another", 3.0)
            other.pop(1)
            assert run == kept
            self.zset = SortedSet.unpack(run, EncodingLimits())

    @rule()
    def copy(self):
        """A copy shares nothing that changes."""
        other = self.zset.copy()
        self.zset.delete_between(0, min(50, len(self.zset)))
        self.zset = other

    @rule()
    def scan(self):
        """All pages together are all members, each once."""
        cursor, found = self.zset.scan(0, 20)
        while cursor:
            cursor, page = self.zset.scan(cursor, 20)
            found += page
        assert sorted(found) == sorted(self.model)

    @invariant()
    def same(self):
        """All pairs are there, in order."""
        assert self.zset.pairs(0, len(self.model) + 1) == self.order()
        assert len(self.zset) == len(self.model)


TestSortedSetMachine = SortedSetMachine.TestCase
TestSortedSetMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("kind", ["equal", "few", "random", "up", "down"])
def test_a_large_one_grows_and_shrinks(kind: str) -> None:
    """Ranks are right while leaves split, and while they merge."""
    zset = SortedSet(EncodingLimits())
    pairs = [(b"member:%d" % (number * 7919 % 3001), score) for number, score in enumerate(scores_of(kind, 3001))]
    for member, score in pairs:
        zset.add(member, score)
    ordered = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    assert zset.pairs(0, 3001) == ordered
    random.Random(1).shuffle(pairs)
    for done, (member, _) in enumerate(pairs, 1):
        rank = zset.rank(member)
        assert zset.members(rank, 1) == [member]
        assert zset.drop(member)
        if done % 500 == 0:
            gone = {name for name, _ in pairs[:done]}
            assert zset.pairs(0, 3001) == [pair for pair in ordered if pair[0] not in gone]
    assert len(zset) == 0


def test_members_take_little() -> None:
    """A member of ten bytes takes thirteen in a small sorted set, and one of seventeen less than 95 in a large one."""
    if not IS_COMPILED:
        pytest.skip("uncompiled, nothing is packed")
    small = SortedSet(EncodingLimits())
    for number in range(100):
        small.add(b"member:%03d" % number, float(number))
    run = small.pack()
    assert run is not None
    assert len(run) == 3 + 100 * 13
    large = SortedSet(EncodingLimits())
    for number in range(20_000):
        large.add(b"member:%010d" % number, float(number * 7919 % 20_000))
    assert large.memory_usage() < 95 * 20_000
    large.delete_between(5, 20_000)
    assert large.memory_usage() < 9000
