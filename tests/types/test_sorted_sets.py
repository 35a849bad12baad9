"""The sorted set against a dict that is sorted whenever it is read."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.types.limits import EncodingLimits
from geventcache.types.sorted_sets import SortedSet

INF = float("inf")
members = st.sampled_from([b"", b"a", b"aa", b"ab", b"b", b"\x00", b"\xff", b"m" * 65] + [b"%d" % i for i in range(10)])
scores = st.sampled_from([-INF, -1.5, -0.0, 0.0, 1.0, 2.0, INF])


class SortedSetMachine(RuleBasedStateMachine):
    """Every method beside the same change of a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.zset = SortedSet(EncodingLimits())
        self.model: dict[bytes, float] = {}
        self.seen = (0, {})

    def order(self):
        """Members and scores in order."""
        return sorted(self.model.items(), key=lambda pair: (pair[1], pair[0]))

    @rule(member=members, score=scores)
    def add(self, member, score):
        """A member is added or not."""
        old = self.model.get(member)
        expected = 1 if old is None else -1 if old == score else 0
        assert self.zset.add(member, score) == expected
        if expected >= 0:
            self.model[member] = score

    @rule(member=members)
    def remove(self, member):
        """What is equal or named goes."""
        assert self.zset.drop(member) is (member in self.model)
        self.model.pop(member, None)

    @rule(count=st.integers(0, 4), reverse=st.booleans())
    def pop(self, count, reverse):
        """Popping gives what was there."""
        expected = self.order()[:: -1 if reverse else 1][:count]
        assert self.zset.pop(count, reverse) == expected
        for member, _ in expected:
            del self.model[member]

    @rule(low=st.integers(0, 6), count=st.integers(0, 4))
    def remove_window(self, low, count):
        """A range of ranks goes."""
        window = self.order()[low : low + count]
        assert self.zset.delete_between(min(low, len(self.model)), min(low + count, len(self.model))) == len(window)
        for member, _ in window:
            del self.model[member]

    @rule(some=st.dictionaries(members, scores))
    def fill(self, some):
        """All at once."""
        self.zset.fill(some)
        self.model = dict(some)
        self.seen = (self.zset.revision, dict(self.model))

    @rule(low=scores, low_open=st.booleans(), high=scores, high_open=st.booleans())
    def score_window(self, low, low_open, high, high_open):
        """A range of scores is a range of ranks."""
        start, stop = self.zset.score_window(low, low_open, high, high_open)
        inside = [
            (member, score)
            for member, score in self.order()
            if (low < score or (not low_open and low == score)) and (score < high or (not high_open and score == high))
        ]
        assert self.zset.pairs(start, stop - start) == inside

    @rule(start=st.integers(0, 20), count=st.integers(0, 20), reverse=st.booleans(), member=members)
    def read(self, start, count, reverse, member):
        """Every way to read."""
        ordered = self.order()[:: -1 if reverse else 1]
        assert self.zset.pairs(start, count, reverse) == ordered[start : start + count]
        assert self.zset.members(start, count, reverse) == [name for name, _ in ordered[start : start + count]]
        names = [name for name, _ in ordered]
        assert self.zset.rank(member, reverse) == (names.index(member) if member in names else -1)
        assert self.zset.score(member) == self.model.get(member)
        assert (member in self.zset) is (member in self.model)

    @rule(count=st.integers(0, 20))
    def choose(self, count):
        """Random choices are different and present."""
        found = self.zset.random_members(count)
        assert len(found) == len(set(found)) == min(count, len(self.model))
        assert self.model.keys() >= set(found)
        if self.model:
            assert self.zset.random_member() in self.model

    @rule()
    def copy(self):
        """A copy lives on when the original changes."""
        other = self.zset.copy()
        assert other.encoding() == self.zset.encoding()
        self.zset.delete_between(0, len(self.zset))
        self.zset = other
        self.seen = (0, dict(self.model))

    @invariant()
    def same(self):
        """Contents are those of the model, and the revision moved if they did."""
        assert self.zset.to_dict() == self.model
        assert list(self.zset) == [member for member, _ in self.order()]
        assert len(self.zset) == len(self.model)
        revision, model = self.seen
        assert (self.zset.revision > revision) is (model != self.model)
        self.seen = (self.zset.revision, dict(self.model))


TestSortedSetMachine = SortedSetMachine.TestCase
TestSortedSetMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def filled(count: int) -> SortedSet:
    """A sorted set of `count` members, added one by one."""
    zset = SortedSet(EncodingLimits())
    for i in range(count):
        zset.add(b"m%d" % i, float(i))
    return zset


@pytest.mark.parametrize(
    ("count", "member", "encoding"),
    [
        (127, b"x", b"listpack"),
        (128, b"x", b"skiplist"),
        (128, b"m3", b"listpack"),
        (0, b"x" * 64, b"listpack"),
        (0, b"x" * 65, b"skiplist"),
    ],
)
def test_encoding_by_size(count: int, member: bytes, encoding: bytes) -> None:
    """A sorted set outgrows the listpack by its members or by the length of one of them."""
    zset = filled(count)
    zset.add(member, 3.0)
    assert zset.encoding() == encoding


@pytest.mark.parametrize(
    ("count", "longest", "encoding"), [(128, 64, b"listpack"), (129, 1, b"skiplist"), (1, 65, b"skiplist")]
)
def test_encoding_by_arguments(count: int, longest: int, encoding: bytes) -> None:
    """What a command announces counts, whether it is added or not."""
    zset = filled(1)
    zset.expect(count, longest)
    assert zset.encoding() == encoding


def test_encoding_never_goes_back_but_a_result_is_new() -> None:
    """A sorted set that was big keeps the name; one that is filled with a result is named by it."""
    zset = filled(129)
    zset.delete_between(0, 100)
    assert zset.encoding() == b"skiplist"
    zset.fill(zset.to_dict())
    assert zset.encoding() == b"listpack"


def test_lexicographic_windows() -> None:
    """Bounds that are there or not, open or closed or missing, select the members between them."""
    zset = SortedSet(EncodingLimits())
    for name in (b"a", b"b", b"c", b"d"):
        zset.add(name, 0.0)
    cases = {
        (None, False, None, False): [b"a", b"b", b"c", b"d"],
        (b"b", False, b"c", False): [b"b", b"c"],
        (b"b", True, b"c", True): [],
        (b"b", True, None, False): [b"c", b"d"],
        (b"aa", False, b"cc", True): [b"b", b"c"],
        (b"d", False, b"a", False): [],
    }
    for bounds, expected in cases.items():
        start, stop = zset.lex_window(*bounds)
        assert zset.members(start, stop - start) == expected


def test_the_sign_of_zero() -> None:
    """A zero has a sign in the large encoding alone; a change from one zero to the other is none."""
    zset = SortedSet(EncodingLimits())
    assert zset.add(b"a", -0.0) == 1
    assert zset.add(b"a", 0.0) == -1
    assert str(zset.score(b"a")) == "0.0"
    assert zset.add(b"x" * 65, -0.0) == 1
    assert str(zset.score(b"x" * 65)) == "-0.0"
    zset.fill({b"a": -0.0})
    assert str(zset.score(b"a")) == "0.0"
    assert zset.pop_end(True) == (b"a", 0.0)


def test_scans() -> None:
    """A small sorted set comes whole and in order, a big one in pages."""
    assert filled(100).scan(9, 1) == (0, [b"m%d" % i for i in range(100)])
    cursor, page = filled(200).scan(0, 30)
    assert cursor != 0
    assert 30 <= len(page) < 60


def test_release_frees_in_slices() -> None:
    """Each slice takes its count from what is left, and the last one says so."""
    zset = filled(1500)
    assert zset.memory_usage() > 1500 * 48
    released = [zset.release(300)]
    while not released[-1]:
        released.append(zset.release(300))
    assert len(released) in (5, 7)
