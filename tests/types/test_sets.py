"""The set against a Python set, and its encoding against what the reference was asked."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.types.limits import EncodingLimits
from geventcache.types.random_pick import seed
from geventcache.types.sets import Set

members = st.sampled_from([b"%d" % i for i in range(-3, 12)] + [b"a", b"b", b"007", b"m" * 65])


class SetMachine(RuleBasedStateMachine):
    """Every method beside the same change of a Python set."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = EncodingLimits()
        self.limits.set_max_intset_entries = 5
        self.limits.set_max_listpack_entries = 8
        self.set = Set(self.limits)
        self.model: set[bytes] = set()
        self.seen = (0, set())

    @rule(member=members)
    def add(self, member):
        """A member is added or not."""
        assert self.set.add(member) is (member not in self.model)
        self.model.add(member)

    @rule(some=st.lists(members, min_size=1, max_size=10))
    def add_many(self, some):
        """Several together."""
        assert self.set.add_many(some) == len(set(some) - self.model)
        self.model |= set(some)

    @rule(member=members)
    def remove(self, member):
        """What is equal or named goes."""
        assert self.set.drop(member) is (member in self.model)
        self.model.discard(member)

    @rule()
    def pop(self):
        """Popping gives what was there."""
        member = self.set.pop_random()
        assert (member is None) is (not self.model)
        self.model -= {member}

    @rule(count=st.integers(0, 12))
    def pop_many(self, count):
        """Several together, in the order of popping."""
        popped = self.set.pop_many(count)
        assert len(popped) == len(set(popped)) == min(count, len(self.model))
        assert self.model >= set(popped)
        self.model -= set(popped)

    @rule(count=st.integers(0, 20), member=members)
    def read(self, count, member):
        """Every way to read."""
        found = self.set.random_names(count)
        assert len(found) == len(set(found)) == min(count, len(self.model))
        assert self.model >= set(found)
        assert self.set.has(member) is (member in self.set) is (member in self.model)
        if self.model:
            assert self.set.random_name() in self.model

    @rule()
    def copy(self):
        """A copy lives on when the original changes."""
        other = self.set.copy()
        assert other.encoding() == self.set.encoding()
        assert list(other) == list(self.set)
        for member in list(self.set):
            self.set.drop(member)
        self.set = other
        self.seen = (0, set(self.model))

    @invariant()
    def same(self):
        """Contents are those of the model, and the revision moved if they did."""
        assert set(self.set) == set(self.set.names()) == self.model
        assert len(self.set) == len(self.model)
        revision, model = self.seen
        assert (self.set.revision > revision) is (model != self.model)
        self.seen = (self.set.revision, set(self.model))

    @invariant()
    def integers_are_in_order(self):
        """An intset is listed by value."""
        if self.set.encoding() == b"intset":
            assert [int(member) for member in self.set] == sorted(map(int, self.model))


TestSetMachine = SetMachine.TestCase
TestSetMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def ints(count: int, first: int = 0) -> list[bytes]:
    """Members that are integers."""
    return [b"%d" % i for i in range(first, first + count)]


def names(count: int) -> list[bytes]:
    """Members that are not."""
    return [b"m%d" % i for i in range(count)]


@pytest.mark.parametrize(
    ("steps", "encoding"),
    [
        ([ints(512)], b"intset"),
        ([ints(513)], b"hashtable"),
        ([ints(512), [b"9999"]], b"hashtable"),
        ([ints(512), [b"9"]], b"intset"),
        ([ints(512), [b"9"] * 513], b"hashtable"),
        ([[b"9"] * 513], b"hashtable"),
        ([[b"a"] * 129], b"hashtable"),
        ([ints(128), [b"a"]], b"hashtable"),
        ([ints(127), [b"a"]], b"listpack"),
        ([[*ints(127), b"a"]], b"listpack"),
        ([[*ints(128), b"a"]], b"hashtable"),
        ([ints(200)], b"intset"),
        ([[b"a", *ints(199)]], b"hashtable"),
        ([names(128)], b"listpack"),
        ([names(128), [b"z"]], b"hashtable"),
        ([names(128), [b"m3"]], b"listpack"),
        ([names(128), [b"m3"] * 129], b"hashtable"),
        ([names(129)], b"hashtable"),
        ([names(100), names(100)], b"listpack"),
        ([ints(500), ints(100)], b"intset"),
        ([ints(100), names(40)], b"hashtable"),
        ([ints(100), [*names(28), b"m1"]], b"listpack"),
        ([[b"a" * 64]], b"listpack"),
        ([[b"a" * 65]], b"hashtable"),
        ([[b"1"], [b"a" * 65]], b"hashtable"),
        ([[b"9223372036854775807", b"-9223372036854775808"]], b"intset"),
        ([[b"9223372036854775808"]], b"listpack"),
        ([[b"-9223372036854775809"]], b"listpack"),
        ([[b"007"]], b"listpack"),
        ([[b"-0"]], b"listpack"),
        ([[b"-"]], b"listpack"),
        ([[b""]], b"listpack"),
        ([[b"+1"]], b"listpack"),
        ([[b" 1"]], b"listpack"),
    ],
)
def test_encoding_after_adding(steps: list[list[bytes]], encoding: bytes) -> None:
    """The name depends on the members, on their order, and on the number of arguments."""
    target = Set(EncodingLimits())
    for step in steps:
        if len(step) == 1:
            target.add(step[0])
        else:
            target.add_many(step)
    assert target.encoding() == encoding


@pytest.mark.parametrize(
    ("count", "together", "encoding"), [(11, 11, b"listpack"), (11, 1, b"hashtable"), (130, 130, b"hashtable")]
)
def test_encoding_with_a_small_intset(count: int, together: int, encoding: bytes) -> None:
    """An intset that grows becomes a hashtable; one that would be too big from the start is a listpack."""
    limits = EncodingLimits()
    limits.set_max_intset_entries = 10
    target = Set(limits)
    for start in range(0, count, together):
        target.add_many(ints(together, start))
    assert target.encoding() == encoding


def test_long_integers_cannot_move_into_a_listpack() -> None:
    """The limit on lengths holds for members that were integers."""
    limits = EncodingLimits()
    limits.set_max_listpack_value = 3
    target = Set(limits)
    target.add(b"12345")
    target.add(b"a")
    assert target.encoding() == b"hashtable"


@pytest.mark.parametrize(
    ("some", "count", "encoding"),
    [
        (ints(512), 500, b"intset"),
        (ints(600), 500, b"listpack"),
        (ints(600), 499, b"hashtable"),
        (ints(1200), 1000, b"hashtable"),
        (names(600), 500, b"listpack"),
        (names(600), 30, b"hashtable"),
        (names(100), 90, b"listpack"),
    ],
)
def test_encoding_after_popping(some: list[bytes], count: int, encoding: bytes) -> None:
    """A pop that leaves a sixth makes a small set of the rest."""
    target = Set(EncodingLimits())
    target.add_many(some)
    target.pop_many(count)
    assert target.encoding() == encoding


@pytest.mark.parametrize(
    ("some", "encoding"),
    [
        (ints(512), b"intset"),
        (ints(600), b"hashtable"),
        (names(128), b"listpack"),
        (names(200), b"hashtable"),
        ([*ints(20), b"a"], b"listpack"),
        ([b"a", b"m" * 65], b"hashtable"),
    ],
)
def test_encoding_of_a_result(some: list[bytes], encoding: bytes) -> None:
    """The result of a set operation is named by its members alone."""
    target = Set(EncodingLimits())
    target.fill(some)
    assert target.encoding() == encoding
    assert set(target) == set(some)


def test_members_keep_their_order() -> None:
    """Integers are in order of value, those that stopped being an intset too, and others follow as they came."""
    target = Set(EncodingLimits())
    target.add_many([b"10", b"9", b"100", b"-5"])
    assert list(target) == [b"-5", b"9", b"10", b"100"]
    target.add_many([b"b", b"a", b"1"])
    assert list(target) == [b"-5", b"9", b"10", b"100", b"b", b"a", b"1"]


def test_choices_are_fair_among_holes() -> None:
    """No member is likelier for the deleted ones in front of it."""
    seed(20)
    target = Set(EncodingLimits())
    target.add_many(names(400))
    kept = [b"m0", b"m1", b"m200", b"m399"]
    for member in names(400):
        if member not in kept:
            target.drop(member)
    target.add_many([b"new%d" % i for i in range(12)])
    counts = Counter(target.random_name() for _ in range(8000))
    assert len(counts) == 16
    # 500 each; the bounds are eight standard deviations away.
    assert 325 < min(counts.values()) <= max(counts.values()) < 675


def test_popped_members_are_fair() -> None:
    """The first member popped is any of them."""
    seed(21)
    counts: Counter[bytes] = Counter()
    for _ in range(4000):
        target = Set(EncodingLimits())
        target.add_many(names(8))
        counts[target.pop_random() or b""] += 1
    assert len(counts) == 8
    assert 325 < min(counts.values()) <= max(counts.values()) < 675


def test_a_sample_is_fair() -> None:
    """Each member is in a sample of some members as often as any other."""
    seed(22)
    target = Set(EncodingLimits())
    target.add_many(names(16))
    counts = Counter(member for _ in range(2000) for member in target.random_names(4))
    assert len(counts) == 16
    assert 325 < min(counts.values()) <= max(counts.values()) < 675


def test_a_set_can_be_popped_empty() -> None:
    """Every member comes once, and then None."""
    target = Set(EncodingLimits())
    target.add_many(names(1000))
    assert sorted(target.pop_random() or b"" for _ in range(1000)) == sorted(names(1000))
    assert target.pop_random() is None


def test_a_big_set_is_scanned_in_pages_and_a_small_one_at_once() -> None:
    """A page is about as long as asked for."""
    target = Set(EncodingLimits())
    target.add_many(names(300))
    cursor, page = target.scan(0, 100)
    assert cursor != 0
    assert 100 <= len(page) < 150
    small = Set(EncodingLimits())
    small.add_many(ints(512))
    assert small.scan(5, 1) == (0, ints(512))


def test_release_frees_in_slices() -> None:
    """Each slice takes its count from what is left, and the last one says so."""
    target = Set(EncodingLimits())
    target.add_many(names(600))
    assert target.memory_usage() > 600 * 24
    assert [target.release(200), target.release(200), target.release(200)] == [False, False, True]
