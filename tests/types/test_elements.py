"""What hashes and sets are made of, across the bounds of every way to hold them, beside plain dicts."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.base.build import IS_COMPILED
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.random_pick import seed
from geventcache.types.sets import Set

# Integers on both sides of every width, texts of every kind of length, and what only looks like an integer.
EDGES = [sign * (1 << bits) + by for bits in (7, 15, 23, 31, 47, 63) for by in (-1, 0, 1) for sign in (1, -1)]
NUMBERS = [b"%d" % number for number in (0, 1, 9, 10, 99, -1, -10, *EDGES)]
TEXTS = [b"", b"a", b"-", b"+1", b"00", b"-0", b"1 ", b"\x00" * 8, b"0" * 20, b"9" * 20]
LENGTHS = [b"x" * length for length in (7, 8, 9, 63, 64, 65, 246, 247, 248, 249, 255, 256, 300, 1023, 1024, 1025, 5000)]
WORDS = [*NUMBERS, *TEXTS, *LENGTHS, *(text[:-1] + b"y" for text in LENGTHS)]

words = st.integers(0, len(WORDS) - 1).map(lambda at: WORDS[at])
several = st.lists(words, max_size=12)
ranges = st.tuples(st.sampled_from([b"name:%d", b"%d", b"%d000000", b"k%0100d"]), st.sampled_from([5, 100, 130, 520]))


def spread(chosen: tuple[bytes, int]) -> list[bytes]:
    """The names of a range."""
    pattern, count = chosen
    return [pattern % number for number in range(count)]


def repacked(container: Hash | Set) -> Hash | Set:
    """The container as a key would give it back, and proof that what was packed does not change with it."""
    run = container.pack()
    if run is None:
        return container
    kept = bytes(bytearray(run))
    other = type(container).unpack(run, EncodingLimits())
    assert (len(other), other.encoding()) == (len(container), container.encoding())
    for name in other.names()[:3]:
        other.drop(name)
    if isinstance(other, Hash):
        other.set(b"another", b"1", 0)
    else:
        other.add(b"another")
    assert run == kept
    return type(container).unpack(run, EncodingLimits())


class HashMachine(RuleBasedStateMachine):
    """A hash that is packed, outgrows that, and is copied, beside a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.hash = Hash(EncodingLimits())
        self.model: dict[bytes, bytes] = {}

    @rule(pairs=st.lists(st.tuples(words, words), max_size=8))
    def set(self, pairs):
        """Values are set."""
        for name, value in pairs:
            assert self.hash.set(name, value, 0) is (name not in self.model)
            self.model[name] = value

    @rule(chosen=ranges, value=words)
    def set_many(self, chosen, value):
        """Many fields are set to one value."""
        for name in spread(chosen):
            assert self.hash.set(name, value, 0) is (name not in self.model)
            self.model[name] = value

    @rule(names=several)
    def delete(self, names):
        """Fields go."""
        for name in names:
            assert self.hash.delete(name) is (self.model.pop(name, None) is not None)

    @rule(chosen=ranges)
    def delete_many(self, chosen):
        """Many fields go."""
        for name in spread(chosen):
            assert self.hash.delete(name) is (self.model.pop(name, None) is not None)

    @rule(names=several)
    def read(self, names):
        """Fields are read one by one."""
        for name in names:
            assert self.hash.get(name) == self.model.get(name)
            assert (name in self.hash) is self.hash.has(name) is (name in self.model)

    @rule(count=st.sampled_from([1, 3, 50]))
    def draw(self, count):
        """Choices are different and present."""
        found = self.hash.random_names(count)
        assert len(found) == len(set(found)) == min(count, len(self.model))
        assert self.model.keys() >= set(found)
        if self.model:
            assert self.hash.random_name() in self.model

    @rule()
    def pack(self):
        """The key that holds it is looked at again."""
        self.hash = repacked(self.hash)

    @rule()
    def copy(self):
        """A copy shares nothing that changes."""
        other = self.hash.copy()
        for name in self.hash.names()[:50]:
            self.hash.delete(name)
        assert other.to_dict() == self.model
        self.hash = other

    @rule()
    def scan(self):
        """All pages together are all fields, each once."""
        cursor, found = self.hash.scan(0, 20)
        while cursor:
            cursor, page = self.hash.scan(cursor, 20)
            found += page
        assert sorted(found) == sorted(self.model)

    @invariant()
    def same(self):
        """All fields and values are there."""
        assert self.hash.to_dict() == self.model
        assert len(self.hash) == len(self.model)
        assert dict(zip(self.hash.names(), self.hash.values(), strict=True)) == self.model
        assert self.hash.memory_usage() > 0


class SetMachine(RuleBasedStateMachine):
    """A set that is an intset, packed, and large by turns, beside a set."""

    def __init__(self) -> None:
        super().__init__()
        self.set = Set(EncodingLimits())
        self.model: set[bytes] = set()

    @rule(members=several)
    def add(self, members):
        """Members are added one by one."""
        for member in members:
            assert self.set.add(member) is (member not in self.model)
            self.model.add(member)

    @rule(chosen=ranges)
    def add_many(self, chosen):
        """Many are added by one command."""
        members = spread(chosen)
        assert self.set.add_many(members) == len(set(members) - self.model)
        self.model |= set(members)

    @rule(members=several, chosen=ranges)
    def remove(self, members, chosen):
        """Members go."""
        for member in members + spread(chosen):
            assert self.set.drop(member) is (member in self.model)
            self.model.discard(member)

    @rule(count=st.sampled_from([1, 10, 400]))
    def pop(self, count):
        """Random ones go, and a small rest is made anew."""
        popped = self.set.pop_many(count)
        assert len(popped) == min(count, len(self.model))
        assert self.model >= set(popped)
        self.model -= set(popped)

    @rule(members=several)
    def read(self, members):
        """Members are looked up."""
        for member in members:
            assert self.set.has(member) is (member in self.model)

    @rule()
    def pack(self):
        """The key that holds it is looked at again."""
        self.set = repacked(self.set)

    @rule()
    def copy(self):
        """A copy shares nothing that changes."""
        other = self.set.copy()
        for member in self.set.names()[:50]:
            self.set.drop(member)
        assert set(other.names()) == self.model
        self.set = other

    @rule()
    def scan(self):
        """All pages together are all members, each once."""
        cursor, found = self.set.scan(0, 20)
        while cursor:
            cursor, page = self.set.scan(cursor, 20)
            found += page
        assert sorted(found) == sorted(self.model)

    @invariant()
    def same(self):
        """All members are there, integers in order."""
        names = self.set.names()
        assert sorted(names) == sorted(self.model)
        assert len(self.set) == len(self.model)
        if self.set.encoding() == b"intset":
            assert names == sorted(names, key=int)


TestHashMachine = HashMachine.TestCase
TestHashMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestSetMachine = SetMachine.TestCase
TestSetMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_a_name_and_a_value(word: bytes) -> None:
    """It is found again among all others, and has its value."""
    target = Hash(EncodingLimits())
    for other in WORDS:
        target.set(other, b"v" + other, 0)
    assert target.get(word) == b"v" + word
    target.set(word, word, 0)
    assert target.get(word) == word
    assert target.delete(word)
    assert target.get(word) is None
    assert len(target) == len(set(WORDS)) - 1


def test_few_are_listed_in_order_of_insertion() -> None:
    """A new value does not move a field, and one that comes again is the last."""
    target = Hash(EncodingLimits())
    for name in (b"b", b"100", b"a", b"7"):
        target.set(name, name, 0)
    target.set(b"b", b"longer than before", 0)
    target.delete(b"100")
    target.set(b"100", b"", 0)
    assert list(target.to_dict().items()) == [(b"b", b"longer than before"), (b"a", b"a"), (b"7", b"7"), (b"100", b"")]


def test_small_ones_take_little() -> None:
    """A set of a hundred members takes eleven bytes for one of ten; so does a hash of five fields."""
    if not IS_COMPILED:
        pytest.skip("uncompiled, nothing is packed")
    target = Set(EncodingLimits())
    target.add_many([b"member:%03d" % number for number in range(100)])
    run = target.pack()
    assert run is not None
    assert len(run) == 3 + 100 * 11
    fields = Hash(EncodingLimits())
    for number in range(5):
        fields.set(b"field%d" % number, b"value%05d" % number, 0)
    run = fields.pack()
    assert run is not None
    assert len(run) == 3 + 5 * (7 + 11)


def test_what_is_large_is_not_packed() -> None:
    """Nor is a hash whose fields have deadlines."""
    large = Set(EncodingLimits())
    large.add_many([b"%d" % number for number in range(1000)])
    timed = Hash(EncodingLimits())
    timed.set(b"a", b"b", 0)
    timed.set_deadline(b"a", 5)
    assert large.pack() is timed.pack() is None


def test_a_large_one_takes_little_and_gives_it_back() -> None:
    """A member of a large set takes less than 80 bytes; what is deleted is free."""
    if not IS_COMPILED:
        pytest.skip("uncompiled, a dict keeps its room")
    target = Set(EncodingLimits())
    members = [b"member:%010d" % number for number in range(20_000)]
    target.add_many(members)
    assert target.memory_usage() < 58 * len(members)
    for member in members[10:]:
        target.drop(member)
    assert target.memory_usage() < 4000


def test_choices_of_a_large_set_are_fair() -> None:
    """No member is drawn much more often than others."""
    seed(23)
    target = Set(EncodingLimits())
    members = [b"m%d" % number for number in range(200)]
    target.add_many(members)
    counts = dict.fromkeys(members, 0)
    for _ in range(40_000):
        counts[target.random_name()] += 1
    # 200 each; the bounds are seven standard deviations away.
    assert min(counts.values()) > 100
    assert max(counts.values()) < 300
