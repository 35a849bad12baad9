"""The hash against a dict and a dict of deadlines."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.base.times import NEVER_MS
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits

fields = st.sampled_from([b"%d" % i for i in range(12)])
values = st.sampled_from([b"", b"1", b"value", b"v" * 65])
times = st.integers(1, 20)


class HashMachine(RuleBasedStateMachine):
    """Every method beside the same change of two dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.hash = Hash(EncodingLimits())
        self.model: dict[bytes, bytes] = {}
        self.times: dict[bytes, int] = {}

    def changes(self, is_change, act):
        """`act` moves `revision` exactly if it is a change."""
        before = self.hash.revision
        result = act()
        assert (self.hash.revision > before) is is_change
        return result

    @rule(field=fields, value=values, now_ms=st.just(0) | times, keep=st.booleans())
    def set(self, field, value, now_ms, keep):
        """A value is set; a field that was due is a new one, and told of."""
        is_due = self.times.get(field, NEVER_MS) <= now_ms
        is_new = is_due or field not in self.model
        assert self.changes(True, lambda: self.hash.set(field, value, now_ms, keep)) is is_new
        assert self.hash.take_lapsed() == ([field] if is_due else None)
        assert self.hash.take_lapsed() is None
        if is_due:
            del self.model[field]  # a new field comes last
        self.model[field] = value
        if is_due or not keep:
            self.times.pop(field, None)

    @rule(field=fields)
    def delete(self, field):
        """A field goes, with its deadline."""
        exists = field in self.model
        assert self.changes(exists, lambda: self.hash.delete(field)) is exists
        self.model.pop(field, None)
        self.times.pop(field, None)

    @rule(field=fields, deadline_ms=times | st.none())
    def set_deadline(self, field, deadline_ms):
        """A deadline is set, changed or taken away."""
        does = field in self.model if deadline_ms is not None else field in self.times
        assert self.changes(does, lambda: self.hash.set_deadline(field, deadline_ms)) is does
        if does and deadline_ms is not None:
            self.times[field] = deadline_ms
        elif does:
            del self.times[field]

    @rule(now_ms=times, most=st.sampled_from([1, 2, 3, 100]))
    def expire(self, now_ms, most):
        """Fields due go, as many as may."""
        due = [time for time in self.times.values() if time <= now_ms]
        removed = self.changes(bool(due), lambda: self.hash.expire_elements(now_ms, most, None))
        assert len(removed) == min(most, len(due))
        assert all(self.times.pop(field) <= now_ms for field in removed)
        for field in removed:
            del self.model[field]

    @rule(field=fields, now_ms=times)
    def read(self, field, now_ms):
        """Every way to read."""
        is_due = self.times.get(field, NEVER_MS) <= now_ms
        assert self.hash.get(field) == self.model.get(field)
        assert self.hash.get_live(field, now_ms) == (None if is_due else self.model.get(field))
        assert self.hash.is_due(field, now_ms) is is_due
        assert self.hash.deadline(field) == self.times.get(field)
        live = {name: value for name, value in self.model.items() if self.times.get(name, NEVER_MS) > now_ms}
        assert self.hash.live(now_ms) == live

    @rule(count=st.integers(0, 15))
    def choose(self, count):
        """Random choices are different and present."""
        found = self.hash.random_names(count)
        assert len(found) == len(set(found)) == min(count, len(self.model))
        assert self.model.keys() >= set(found)
        if self.model:
            assert self.hash.random_name() in self.model

    @rule()
    def copy(self):
        """A copy lives on when the original changes."""
        other = self.hash.copy()
        assert other.encoding() == self.hash.encoding()
        for field in list(self.hash):
            self.hash.delete(field)
        self.hash = other

    @invariant()
    def same(self):
        """Contents are those of the model, and the revision moved if they did."""
        assert self.hash.to_dict() == self.model
        assert len(self.hash) == len(self.model)
        assert self.hash.next_deadline() <= min(self.times.values(), default=NEVER_MS)
        assert (self.hash.next_deadline() == NEVER_MS) is (self.hash.deadlines is None) is (not self.times)
        if self.hash.deadlines is not None:
            assert self.hash.deadlines.count == len(self.times)
            assert dict(self.hash.deadlines.items()) == self.times


TestHashMachine = HashMachine.TestCase
TestHashMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("seed", range(20))
def test_long_random_runs(seed: int) -> None:
    """The same as the machine, longer than it goes."""
    choice, machine = random.Random(seed), HashMachine()
    names = [b"%d" % number for number in range(choice.choice([3, 12]))]
    for _ in range(500):
        name, time_ms = choice.choice(names), choice.randrange(1, 21)
        machine.set(name, b"v" * choice.randrange(70), choice.choice([0, time_ms]), choice.random() < 0.5)
        machine.same()
        for _ in range(choice.randrange(3)):
            machine.set_deadline(choice.choice(names), choice.choice([None, time_ms, choice.randrange(1, 21)]))
            machine.same()
        act = choice.randrange(12)
        if act == 0:
            machine.copy()
        elif act == 1:
            machine.expire(time_ms, choice.choice([1, 2, 3, 100]))
        elif act < 5:
            machine.delete(choice.choice(names))
        machine.same()
        machine.read(name, time_ms)


@pytest.mark.parametrize("count", [1, 40, 300])
def test_who_only_reads_finds_out_that_nothing_is_due_any_more(count: int) -> None:
    """Where nobody removes what is due, a field that went leaves no doubt behind."""
    target = filled(1000)
    for number in range(count):
        target.set_deadline(b"f%d" % number, 10**6 + number, 1000)
    target.set_deadline(b"f999", 5000, 1000)
    assert not target.has_due(4999)
    assert target.has_due(5000)
    assert target.has_due(5000)
    target.delete(b"f999")
    assert any(not target.has_due(6000) for _ in range(10))
    assert not target.has_due(6000)
    assert target.live(6000) == target.to_dict()
    assert target.deadlines is not None
    assert len(target.deadlines.items()) == count


@pytest.mark.parametrize("now_ms", [0, 1_700_000_000_000])
def test_deadlines_far_away_come_up_in_time(now_ms: int) -> None:
    """However far away, fields go at their time, not before; early visits leave them where they are."""
    choice = random.Random(now_ms)
    target, times = Hash(EncodingLimits()), dict[bytes, int]()
    for number in range(3000):
        field = b"%d" % number
        target.set(field, b"v", now_ms)
        times[field] = now_ms + choice.choice([5, 9000, 10**6, 10**8]) + choice.randrange(5000)
        target.set_deadline(field, times[field], now_ms)
    gone: list[bytes] = []
    visits = 0
    while target.deadlines is not None:
        time_ms = target.next_deadline()
        assert time_ms <= min(times[field] for field in times.keys() - gone)
        removed = target.expire_elements(time_ms, 100, None)
        assert all(times[field] <= time_ms for field in removed)
        gone += removed
        visits += 1
    assert sorted(gone) == sorted(times)
    assert len(target) == 0
    assert visits < 20_000


def filled(count: int) -> Hash:
    """A hash of `count` fields."""
    result = Hash(EncodingLimits())
    for i in range(count):
        result.set(b"f%d" % i, b"%d" % i, 0)
    return result


@pytest.mark.parametrize(
    ("count", "field", "value", "encoding"),
    [
        (511, b"x", b"1", b"listpack"),
        (512, b"x", b"1", b"hashtable"),
        (512, b"f3", b"1", b"listpack"),
        (0, b"f" * 64, b"v" * 64, b"listpack"),
        (0, b"f" * 65, b"v", b"hashtable"),
        (0, b"f", b"v" * 65, b"hashtable"),
    ],
)
def test_encoding_by_size(count: int, field: bytes, value: bytes, encoding: bytes) -> None:
    """A hash outgrows the listpack by its fields or by the length of one of them."""
    target = filled(count)
    target.set(field, value, 0)
    assert target.encoding() == encoding


def test_encoding_never_goes_back() -> None:
    """A hash that was big, and its copy, keep the name."""
    target = filled(513)
    for i in range(512):
        target.delete(b"f%d" % i)
    assert target.encoding() == target.copy().encoding() == b"hashtable"


def test_encoding_by_the_number_of_arguments() -> None:
    """A command that sets one field 513 times changes the name."""
    target = filled(1)
    target.expect(512)
    assert target.encoding() == b"listpack"
    target.expect(513)
    assert target.encoding() == b"hashtable"


def test_a_deadline_makes_a_hashtable() -> None:
    """It stays one when the deadline is gone."""
    target = filled(1)
    target.set_deadline(b"f0", 5)
    target.set_deadline(b"f0", None)
    assert target.encoding() == b"hashtable"


def test_renewing_deadlines_leaves_bounded_garbage() -> None:
    """The index does not grow with the number of renewals."""
    target = filled(10)
    for time_ms in range(1, 5000):
        target.set_deadline(b"f%d" % (time_ms % 10), time_ms)
    assert target.memory_usage() < filled(10).memory_usage() + 5000


def test_a_big_hash_is_scanned_completely_while_it_changes() -> None:
    """Fields that stay come exactly once."""
    target = filled(1000)
    stays = {b"f%d" % i for i in range(500, 1000)}
    cursor, found = target.scan(0, 10)
    for i in range(500):
        target.delete(b"f%d" % i)
        target.set(b"new%d" % i, b"", 0)
    for _ in range(100):
        cursor, page = target.scan(cursor, 10)
        found += page
        if cursor == 0:
            break
    assert cursor == 0
    assert sorted(field for field in found if field in stays) == sorted(stays)


def test_a_small_hash_is_scanned_in_one_page() -> None:
    """Whatever the cursor and the count."""
    assert filled(20).scan(2**64 - 1, 1) == (0, [b"f%d" % i for i in range(20)])


def test_release_frees_in_slices() -> None:
    """Each slice takes its count from what is left, deadlines first, and the last one says so."""
    target = filled(600)
    for i in range(150):
        target.set_deadline(b"f%d" % i, i)
    released = [target.release(100) for _ in range(6)]
    while not released[-1]:
        released.append(target.release(100))
    assert 6 <= len(released) <= 10  # where deadlines are not part of the fields, they come last
    assert filled(10).release(10)
