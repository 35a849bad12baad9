"""Two databases against a model: any order of changes, moves of time and visits of the worker."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from geventcache.base.histogram import Histogram
from geventcache.base.times import NEVER_MS
from geventcache.store.changes import Listener
from geventcache.store.keyspace import Keyspace
from geventcache.types.container import Container
from geventcache.types.lists import List

from .keyspaces import filed_keys, make_databases, times_of

KEYS = st.sampled_from([b"a", b"b", b"c", b"dd", b"ee", b"ff"])
VALUES = st.one_of(st.binary(max_size=3), st.integers(-5, 5))
INDEXES = st.integers(0, 1)
# Around the widths of the index' buckets: 1 ms, 1 s, 131 s.
DELAYS = st.one_of(st.integers(1, 20), st.integers(1, 20_000), st.sampled_from([8192, 8193, 1 << 23, 10**10]))
Place = tuple[int, bytes]


class Model(Listener):
    """What the databases must hold, and which keys are due but not yet announced as expired."""

    def __init__(self) -> None:
        self.keys: dict[Place, tuple[Any, int]] = {}
        self.pending: set[Place] = set()

    def expire(self, now_ms: int) -> None:
        """Time has moved."""
        for place, (_, deadline_ms) in list(self.keys.items()):
            if deadline_ms <= now_ms:
                del self.keys[place]
                self.pending.add(place)

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """Each key that is due is announced, and announced once."""
        if event == b"expired":
            assert (keyspace.index, key) in self.pending
            self.pending.remove((keyspace.index, key))


class KeyspaceMachine(RuleBasedStateMachine):
    """The methods of the keyspace in any order, the worker among them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.databases = make_databases()
        self.dbs = [self.databases.get(0), self.databases.get(1)]
        self.model = Model()
        self.databases.changes.listen(self.model, 1)
        self.in_flight: list[Any] = []
        self.is_account_exact = True

    def settled(self, index: int, key: bytes) -> None:
        """After a change a key is not due any more, whatever it was."""
        assert (index, key) not in self.model.pending

    @rule(index=INDEXES, key=KEYS, value=VALUES)
    def put(self, index: int, key: bytes, value: Any) -> None:
        """A value without a deadline."""
        self.dbs[index].put(key, value, b"set")
        self.model.keys[index, key] = value, NEVER_MS
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS, value=VALUES, delay=DELAYS)
    def put_until(self, index: int, key: bytes, value: Any, delay: int) -> None:
        """A value with a deadline."""
        deadline_ms = self.clock.now_ms + delay
        self.dbs[index].put_until(key, value, deadline_ms, b"set")
        self.model.keys[index, key] = value, deadline_ms
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS, value=VALUES)
    def replace(self, index: int, key: bytes, value: Any) -> None:
        """A value that keeps the deadline."""
        self.dbs[index].replace(key, value, b"set")
        self.model.keys[index, key] = value, self.model.keys.get((index, key), (None, NEVER_MS))[1]
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS)
    def delete(self, index: int, key: bytes) -> None:
        """A key goes."""
        assert self.dbs[index].delete(key) == (self.model.keys.pop((index, key), None) is not None)
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS, delay=DELAYS)
    def set_deadline(self, index: int, key: bytes, delay: int) -> None:
        """A deadline, earlier or later than the one before."""
        deadline_ms = self.clock.now_ms + delay
        known = self.model.keys.get((index, key))
        assert self.dbs[index].set_deadline(key, deadline_ms) == (known is not None)
        if known is not None:
            self.model.keys[index, key] = known[0], deadline_ms
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS)
    def persist(self, index: int, key: bytes) -> None:
        """No deadline any more."""
        known = self.model.keys.get((index, key))
        assert self.dbs[index].persist(key) == (known is not None and known[1] != NEVER_MS)
        if known is not None:
            self.model.keys[index, key] = known[0], NEVER_MS

    @rule(index=INDEXES, key=KEYS)
    def expire_at_once(self, index: int, key: bytes) -> None:
        """A deadline in the past."""
        is_there = (index, key) in self.model.keys
        if is_there:
            del self.model.keys[index, key]
            self.model.pending.add((index, key))
        assert self.dbs[index].expire_at_once(key) == is_there
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS, other=INDEXES, new_key=KEYS)
    def transfer(self, index: int, key: bytes, other: int, new_key: bytes) -> None:
        """A rename, or a move to the other database."""
        if (index, key) == (other, new_key):
            return
        known = self.model.keys.pop((index, key), None)
        assert self.dbs[index].transfer(key, self.dbs[other], new_key, b"from", b"to") == (known is not None)
        if known is not None:
            self.model.keys[other, new_key] = known
            self.settled(other, new_key)
        self.settled(index, key)

    @rule(index=INDEXES, key=KEYS, element=st.binary(max_size=2))
    def push(self, index: int, key: bytes, element: bytes) -> None:
        """A list is made, or grows."""
        known = self.model.keys.get((index, key), ([], NEVER_MS))
        if not isinstance(known[0], list):
            return
        self.dbs[index].edit_or_create(key, List, b"rpush").push_right(element)
        self.dbs[index].settle()
        self.model.keys[index, key] = [*known[0], element], known[1]

    @rule(index=INDEXES, key=KEYS)
    def pop(self, index: int, key: bytes) -> None:
        """A list shrinks, and goes with its last element."""
        known = self.model.keys.get((index, key))
        if known is not None and isinstance(known[0], list):
            self.dbs[index].edit(key, List, b"lpop").pop_left()
            self.dbs[index].settle()
            self.model.keys[index, key] = known[0][1:], known[1]
            if len(known[0]) == 1:
                del self.model.keys[index, key]

    @rule(index=INDEXES)
    def flush(self, index: int) -> None:
        """All keys go, the due ones without a word."""
        self.dbs[index].flush()
        for place in [place for place in self.model.keys if place[0] == index]:
            del self.model.keys[place]
        self.model.pending = {place for place in self.model.pending if place[0] != index}
        self.is_account_exact = self.is_account_exact and not self.in_flight

    @rule()
    def swap(self) -> None:
        """The databases exchange their keys."""
        self.dbs[0].swap(self.dbs[1])
        self.model.keys = {(1 - index, key): known for (index, key), known in self.model.keys.items()}
        self.model.pending = {(1 - index, key) for index, key in self.model.pending}

    @rule(ms=st.one_of(st.integers(1, 10), st.integers(1, 20_000), st.sampled_from([1 << 20, 10**8])))
    def advance(self, ms: int) -> None:
        """Time moves on."""
        self.clock.advance(ms)
        self.model.expire(self.clock.now_ms)

    @rule(index=INDEXES)
    def post(self, index: int) -> None:
        """The timer fires: a bucket leaves the index."""
        deadlines = self.dbs[index].deadlines
        due = deadlines.pop_due(self.clock.now_ms)
        if due is not None:
            self.in_flight.append((deadlines, *due, 0))

    @precondition(lambda self: self.in_flight)
    @rule(count=st.integers(1, 3))
    def visit(self, count: int) -> None:
        """The worker visits a few keys of a bucket."""
        deadlines, time_ms, keys, start = self.in_flight.pop(0)
        stop = min(start + count, len(keys))
        deadlines.keyspace.visit(keys, start, stop, time_ms, Histogram())
        if stop < len(keys):
            self.in_flight.insert(0, (deadlines, time_ms, keys, stop))

    @rule()
    def drain(self) -> None:
        """The worker catches up: nothing that is due is left, and every one of it was announced."""
        for index in (0, 1):
            due = True
            while due:
                before = len(self.in_flight)
                self.post(index)
                due = len(self.in_flight) > before
        while self.in_flight:
            self.visit(3)
        assert not self.model.pending

    @rule(index=INDEXES)
    def sweep(self, index: int) -> None:
        """Stale tickets are swept out, whatever their number."""
        for _ in self.dbs[index].deadlines.sweep(self.dbs[index].table):
            pass

    @invariant()
    def same_keys(self) -> None:
        """Each database shows the live keys, their values and deadlines, and nothing else."""
        for index, db in enumerate(self.dbs):
            expected = {key: known for (at, key), known in self.model.keys.items() if at == index}
            assert sorted(db.keys()) == sorted(expected)
            assert {key: (plain(db.find(key)), db.deadline(key)) for key in expected} == expected

    @invariant()
    def same_accounts(self) -> None:
        """The counters agree with what is there."""
        for db in self.dbs:
            assert db.volatile == sum(deadline_ms != NEVER_MS for deadline_ms, _ in times_of(db).values())
            assert db.deadlines.tickets == sum(map(len, db.deadlines.buckets.values()))
            if self.is_account_exact and not self.in_flight:
                assert db.deadlines.tickets - db.deadlines.stale == filed_keys(db)


def plain(value: Any) -> Any:
    """A value as the model keeps it."""
    return list(value) if isinstance(value, Container) else value


TestKeyspaceModel = KeyspaceMachine.TestCase
TestKeyspaceModel.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
