"""Deadlines of hash fields in the keyspace: one ticket a key, whatever happens to the key and to its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.base.histogram import Histogram
from geventcache.base.times import NEVER_MS
from geventcache.store.keyspace import Keyspace
from geventcache.types.hashes import Hash

from .keyspaces import START_MS, make_databases, make_keyspace, times_of, visit_due

KEY = b"h"


def fill(keyspace: Keyspace, key: bytes, deadlines: dict[bytes, int | None]) -> None:
    """Set fields with these deadlines, as one command does."""
    target = keyspace.edit_or_create(key, Hash, b"hset")
    for field, deadline_ms in deadlines.items():
        target.set(field, b"value", 0)
        if deadline_ms is not None:
            target.set_deadline(field, deadline_ms, keyspace.clock.now_ms)
    keyspace.settle()


def fields(keyspace: Keyspace, key: bytes) -> list[bytes]:
    """The fields that the hash at a key holds, due or not; none without a key."""
    return sorted(keyspace.find(key) or ())


def has_ticket(keyspace: Keyspace, key: bytes) -> bool:
    """A ticket of the key counts."""
    return times_of(keyspace)[key][1] != 0


def test_field_goes_when_its_time_has_come() -> None:
    """The worker removes a field at its millisecond, not before, and tells so; what has no deadline stays."""
    clock, keyspace, recorder = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 10, b"b": None})
    recorder.take()
    clock.advance(9)
    assert visit_due(keyspace) == 0
    clock.advance(1)
    assert visit_due(keyspace) == 1
    assert recorder.take() == [(0, KEY, b"hexpired")]
    assert fields(keyspace, KEY) == [b"b"]
    assert (keyspace.expired_elements, keyspace.expired, keyspace.volatile_containers) == (1, 0, 0)
    assert not has_ticket(keyspace, KEY)


def test_last_field_takes_the_key_with_it() -> None:
    """A hash whose fields are all gone is deleted: `hexpired`, then `del`."""
    clock, keyspace, recorder = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 10, b"b": START_MS + 10})
    recorder.take()
    clock.advance(10)
    assert visit_due(keyspace) == 2
    assert recorder.take() == [(0, KEY, b"hexpired"), (0, KEY, b"del")]
    assert (len(keyspace), keyspace.volatile_containers) == (0, 0)


def test_each_deadline_is_met_in_turn() -> None:
    """The one ticket of a key comes up at every deadline of its fields, however far apart they are."""
    clock, keyspace, _ = make_keyspace()
    fill(keyspace, KEY, {b"%d" % delay: START_MS + delay for delay in (10, 5_000, 200_000, 10**8)})
    for delay, left in ((10, 3), (5_000, 2), (200_000, 1), (10**8, 0)):
        clock.advance(START_MS + delay - clock.now_ms - 1)
        visit_due(keyspace)
        assert len(fields(keyspace, KEY)) == left + 1
        clock.advance(1)
        visit_due(keyspace)
        assert len(fields(keyspace, KEY)) == left


def test_earlier_deadline_than_before_is_met() -> None:
    """A field that is given an earlier deadline than all others is removed then."""
    clock, keyspace, _ = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 100_000})
    fill(keyspace, KEY, {b"b": START_MS + 10})
    clock.advance(10)
    assert visit_due(keyspace) == 1
    assert fields(keyspace, KEY) == [b"a"]


def test_renewed_deadlines_leave_one_ticket() -> None:
    """A deadline that is only ever moved on costs no further tickets."""
    clock, keyspace, _ = make_keyspace()
    for i in range(1000):
        fill(keyspace, KEY, {b"a": START_MS + 5_000 + i})
    assert keyspace.deadlines.tickets == 1
    clock.advance(5_998)
    assert visit_due(keyspace) == 0
    clock.advance(1)
    assert visit_due(keyspace) == 1


@pytest.mark.parametrize("key_delay", [5, 50])
def test_key_and_fields_have_deadlines(key_delay: int) -> None:
    """Whichever comes first: the key's deadline takes its fields along, a field's leaves the key's as it is."""
    clock, keyspace, recorder = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 10, b"b": None})
    keyspace.set_deadline(KEY, START_MS + key_delay)
    recorder.take()
    clock.advance(10)
    visit_due(keyspace)
    if key_delay == 5:
        assert recorder.take() == [(0, KEY, b"expired")]
    else:
        assert recorder.take() == [(0, KEY, b"hexpired")]
        assert keyspace.deadline(KEY) == START_MS + key_delay
        clock.advance(40)
        assert visit_due(keyspace) == 1
    assert len(keyspace) == keyspace.volatile == keyspace.volatile_containers == 0


def test_key_without_deadline_keeps_its_fields_deadlines() -> None:
    """PERSIST is about the key; its fields expire all the same."""
    clock, keyspace, _ = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 50, b"b": None})
    keyspace.set_deadline(KEY, START_MS + 10)
    keyspace.persist(KEY)
    clock.advance(50)
    assert visit_due(keyspace) == 1
    assert fields(keyspace, KEY) == [b"b"]


def rename(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """RENAME."""
    one.transfer(KEY, one, b"new", b"from", b"to")
    return one, b"new"


def move(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """MOVE."""
    one.transfer(KEY, other, KEY, b"from", b"to")
    return other, KEY


def copy(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """COPY."""
    other.implant(b"copy", one.find(KEY).copy(), one.deadline(KEY))
    return other, b"copy"


def swap(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """SWAPDB."""
    one.swap(other)
    return other, KEY


def put(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """A hash that is stored as a whole."""
    other.put(KEY, one.find(KEY).copy(), b"restore")
    return other, KEY


def put_over_entry(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """The same, where a string with a deadline was."""
    other.put_until(KEY, b"string", START_MS + 100_000, b"set")
    return put(one, other)


def put_until(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """A hash that is stored with a deadline of its own."""
    other.put_until(KEY, one.find(KEY).copy(), START_MS + 100_000, b"restore")
    return other, KEY


def replace(one: Keyspace, other: Keyspace) -> tuple[Keyspace, bytes]:
    """A hash that takes the place of a string and its deadline."""
    other.put_until(KEY, b"string", START_MS + 100_000, b"set")
    other.replace(KEY, one.find(KEY).copy(), b"restore")
    return other, KEY


@pytest.mark.parametrize("way", [rename, move, copy, swap, put, put_over_entry, put_until, replace])
def test_fields_expire_wherever_the_hash_has_gone(way: Callable[[Keyspace, Keyspace], tuple[Keyspace, bytes]]) -> None:
    """However a hash came to its key, its fields expire there in time."""
    clock, databases = make_databases()
    one, other = databases.get(0), databases.get(1)
    fill(one, KEY, {b"a": START_MS + 10, b"b": None})
    keyspace, key = way(one, other)
    assert keyspace.volatile_containers == 1
    clock.advance(10)
    visit_due(one)
    visit_due(other)
    assert fields(keyspace, key) == [b"b"]
    assert one.volatile_containers == other.volatile_containers == 0


@pytest.mark.parametrize("value", [b"string", 7])
def test_overwritten_hash_leaves_a_plain_key(value: Any) -> None:
    """A string in the place of the hash has nothing of it; the ticket comes up in vain."""
    clock, keyspace, _ = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 10})
    keyspace.put(KEY, value, b"set")
    assert keyspace.volatile_containers == 0
    clock.advance(10)
    assert visit_due(keyspace) == 0
    assert keyspace.find(KEY) == value
    assert not has_ticket(keyspace, KEY)


def test_many_fields_due_at_once_go_in_slices() -> None:
    """One visit removes a bounded number of fields and files the key again for the rest; every key has its share."""
    clock, keyspace, recorder = make_keyspace()
    for key in (b"big", b"small"):
        fill(keyspace, key, {b"%d" % i: START_MS + 10 for i in range(5000 if key == b"big" else 1)})
    recorder.take()
    clock.advance(10)
    due = keyspace.deadlines.pop_due(clock.now_ms)
    assert due is not None
    removed = keyspace.visit(due[1], 0, 2, due[0], Histogram())
    assert 1 < removed < 1000
    assert len(keyspace.find(b"big")) > 4000
    assert keyspace.find(b"small") is None
    assert removed + visit_due(keyspace) == keyspace.expired_elements == 5001
    assert len(keyspace) == 0


def test_lag_is_measured_from_the_deadline_of_the_field() -> None:
    """The histogram takes the milliseconds from the earliest due deadline to the removal."""
    clock, keyspace, _ = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 10})
    clock.advance(17)
    due = keyspace.deadlines.pop_due(clock.now_ms)
    assert due is not None
    lags = Histogram()
    keyspace.visit(due[1], 0, 1, due[0], lags)
    assert lags.maximum == 7


def test_sweep_keeps_the_tickets_of_fields() -> None:
    """Sweeping out stale tickets leaves the one that a hash waits for."""
    clock, keyspace, _ = make_keyspace()
    fill(keyspace, KEY, {b"a": START_MS + 10})
    keyspace.put_until(b"s", b"v", START_MS + 10, b"set")
    keyspace.delete(b"s")
    for _ in keyspace.deadlines.sweep(keyspace.table):
        pass
    assert keyspace.deadlines.tickets == 1
    clock.advance(10)
    assert visit_due(keyspace) == 1


KEYS = st.sampled_from([b"k1", b"k2"])
FIELDS = st.sampled_from([b"a", b"b", b"c"])
DELAYS = st.one_of(st.integers(1, 30), st.sampled_from([9_000, 200_000, 10**8]))


class FieldsMachine(RuleBasedStateMachine):
    """Hashes whose fields come, expire and move, beside dicts of deadlines; `None` stands for no deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.keyspace, self.recorder = make_keyspace()
        self.model: dict[bytes, dict[bytes, int | None]] = {}
        self.gone = 0

    def expire_model(self, key: bytes) -> None:
        """What the worker removes from a key."""
        left = {name: ms for name, ms in self.model[key].items() if ms is None or ms > self.clock.now_ms}
        self.gone += len(self.model[key]) - len(left)
        self.replace_model(key, left)

    def replace_model(self, key: bytes, hash_fields: dict[bytes, int | None]) -> None:
        """A key has these fields now."""
        self.model[key] = hash_fields
        if not hash_fields:
            del self.model[key]

    @rule(key=KEYS, field=FIELDS, delay=DELAYS | st.none())
    def set(self, key: bytes, field: bytes, delay: int | None) -> None:
        """A field is set, with a deadline or without."""
        deadline_ms = None if delay is None else self.clock.now_ms + delay
        fill(self.keyspace, key, {field: deadline_ms})
        self.model.setdefault(key, {})[field] = deadline_ms

    @rule(key=KEYS, field=FIELDS)
    def delete(self, key: bytes, field: bytes) -> None:
        """A field is deleted."""
        target = self.keyspace.edit(key, Hash, b"hdel")
        if target is not None:
            target.delete(field)
            self.keyspace.settle()
            self.replace_model(key, {name: ms for name, ms in self.model[key].items() if name != field})

    @rule(key=KEYS, field=FIELDS)
    def persist(self, key: bytes, field: bytes) -> None:
        """A field's deadline is taken away."""
        target = self.keyspace.edit(key, Hash, b"hpersist")
        if target is not None:
            target.set_deadline(field, None)
            self.keyspace.settle()
            if field in self.model[key]:
                self.model[key][field] = None

    @rule(key=KEYS, new_key=KEYS)
    def transfer(self, key: bytes, new_key: bytes) -> None:
        """A key is renamed."""
        if key != new_key and self.keyspace.transfer(key, self.keyspace, new_key, b"from", b"to"):
            self.model[new_key] = self.model.pop(key)

    @rule(key=KEYS, new_key=KEYS)
    def store_copy(self, key: bytes, new_key: bytes) -> None:
        """A key is overwritten by a copy of another one."""
        value = self.keyspace.find(key)
        if value is not None:
            self.keyspace.put(new_key, value.copy(), b"restore")
            self.model[new_key] = dict(self.model[key])

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        """A key is deleted."""
        assert self.keyspace.delete(key) == (self.model.pop(key, None) is not None)

    @rule(key=KEYS)
    def renew_key_deadline(self, key: bytes) -> None:
        """A key is given a deadline that never comes here, and loses it again."""
        self.keyspace.set_deadline(key, self.clock.now_ms + 10**12)
        self.keyspace.persist(key)

    @rule(ms=DELAYS)
    def advance(self, ms: int) -> None:
        """Time moves on, and the worker comes."""
        self.clock.advance(ms)
        visit_due(self.keyspace)
        for key in list(self.model):
            self.expire_model(key)

    @invariant()
    def same_fields(self) -> None:
        """Each hash has the fields and deadlines of the model, and every removal was counted once."""
        assert sorted(self.keyspace.keys()) == sorted(self.model)
        for key, deadlines in self.model.items():
            target = self.keyspace.find(key)
            assert {name: target.deadline(name) for name in target} == deadlines
        assert self.keyspace.expired_elements == self.gone

    @invariant()
    def same_accounts(self) -> None:
        """The counters agree with what is there, and whatever has a deadline has a ticket in time."""
        assert self.keyspace.volatile_containers == sum(any(times.values()) for times in self.model.values())
        for key, (_, filed_ms) in times_of(self.keyspace).items():
            held = self.keyspace.find(key)
            assert held.is_volatile == any(self.model[key].values())
            if held.is_volatile:
                assert 0 < filed_ms <= held.next_deadline() < NEVER_MS


TestFieldsMachine = FieldsMachine.TestCase
TestFieldsMachine.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
