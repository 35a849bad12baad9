"""The choice of the key that goes."""

from __future__ import annotations

from collections import Counter

import pytest

from geventcache.base.build import IS_COMPILED
from geventcache.base.clock import ManualClock
from geventcache.base.table import END
from geventcache.store.account import Account
from geventcache.store.eviction import Evictor, rule_of
from geventcache.store.keyspace import Keyspace
from geventcache.store.uses import Uses

from .keyspaces import START_MS, make_keyspace

MANY = 200


def evictor_of(keyspace: Keyspace, policy: bytes, samples: int = 64) -> Evictor:
    """What evicts by a policy; uses are noted if it goes by them, and every one counts."""
    kind, is_volatile = rule_of(policy)
    if kind in (b"lru", b"lfu"):
        keyspace.uses = Uses(keyspace.clock, kind == b"lfu")
        keyspace.uses.log_factor = 0
    return Evictor(keyspace, kind, is_volatile, samples)


def evicted(keyspace: Keyspace, evictor: Evictor) -> list[bytes]:
    """Evict all keys that may go; return them in order."""
    gone = []
    while evictor.find():
        gone.append(evictor.best)
        evictor.evict()
        assert keyspace.find(gone[-1]) is None
    return gone


def fill(clock: ManualClock, keyspace: Keyspace, count: int) -> list[bytes]:
    """Set keys, a second after one another."""
    keys = [b"k%03d" % i for i in range(count)]
    for key in keys:
        keyspace.put(key, b"v", b"set")
        clock.advance(1000)
    return keys


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (b"noeviction", (None, False)),
        (b"allkeys-lru", (b"lru", False)),
        (b"volatile-lfu", (b"lfu", True)),
        (b"volatile-ttl", (b"ttl", True)),
        (b"allkeys-random", (b"random", False)),
    ],
)
def test_rules_of_policies(policy: bytes, rule: tuple[bytes | None, bool]) -> None:
    """A policy says what it goes by, and whether only keys with a deadline may go."""
    assert rule_of(policy) == rule


def test_least_recently_used_goes_first() -> None:
    """Where all keys are looked at they go in the order of their last use."""
    clock, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"allkeys-lru")
    keys = fill(clock, keyspace, 12)
    keyspace.read(keys[0])
    assert evicted(keyspace, evictor) == [*keys[1:], keys[0]]
    assert keyspace.evicted == 12


def test_candidate_that_is_used_meanwhile_stays() -> None:
    """A remembered candidate is judged anew before it goes."""
    clock, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"allkeys-lru")
    keys = fill(clock, keyspace, 3)
    assert evictor.find()
    assert evictor.best == keys[0]
    clock.advance(1000)
    keyspace.read(keys[0])
    assert evicted(keyspace, evictor) == [keys[1], keys[2], keys[0]]


def test_least_frequently_used_goes_first() -> None:
    """The counters decide, not the times."""
    clock, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"allkeys-lfu")
    keys = fill(clock, keyspace, 5)
    for key, count in zip(keys, (3, 1, 4, 0, 2), strict=True):
        for _ in range(count):
            keyspace.read(key)
    assert evicted(keyspace, evictor) == [keys[3], keys[1], keys[4], keys[0], keys[2]]


def test_earliest_deadline_goes_first() -> None:
    """Of keys with a deadline the one that is due first goes; others never."""
    _, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"volatile-ttl")
    keyspace.put(b"permanent", b"v", b"set")
    for ms in (300, 100, 200):
        keyspace.put_until(b"%d" % ms, b"v", START_MS + ms * 1000, b"set")
    assert evicted(keyspace, evictor) == [b"100", b"200", b"300"]
    assert keyspace.find(b"permanent") == b"v"


@pytest.mark.parametrize("policy", [b"volatile-random", b"volatile-lru", b"volatile-lfu", b"volatile-ttl"])
def test_rare_candidates_are_found(policy: bytes) -> None:
    """A few keys with a deadline among many without go all, and nothing else."""
    clock, keyspace, recorder = make_keyspace()
    evictor = evictor_of(keyspace, policy, samples=5)
    fill(clock, keyspace, MANY)
    rare = [b"rare%d" % i for i in range(3)]
    for key in rare:
        keyspace.put_until(key, b"v", clock.now_ms + 10_000, b"set")
    recorder.take()
    assert sorted(evicted(keyspace, evictor)) == rare
    assert sorted(recorder.take()) == [(0, key, b"evicted") for key in rare]
    assert len(keyspace) == MANY


def test_rare_candidates_are_drawn_by_their_tickets() -> None:
    """Stale tickets are passed over, and what has no ticket just now (the worker holds it) is found all the same."""
    clock, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"volatile-random", samples=1)
    fill(clock, keyspace, MANY)
    for number in range(100):
        keyspace.put_until(b"rare%d" % number, b"v", clock.now_ms + 1000 + number % 7, b"set")
    for number in range(50):
        keyspace.put(b"rare%d" % number, b"v", b"set")
    gone = set()
    for _ in range(40):
        assert evictor.find()
        gone.add(evictor.best)
        evictor.evict()
    while keyspace.deadlines.pop_due(clock.now_ms + 2000) is not None:
        pass
    gone.update(evicted(keyspace, evictor))
    assert gone == {b"rare%d" % number for number in range(50, 100)}


def test_due_key_expires_instead() -> None:
    """A candidate whose time has come is expired and not evicted."""
    clock, keyspace, recorder = make_keyspace()
    evictor = evictor_of(keyspace, b"volatile-ttl")
    keyspace.put_until(b"k", b"v", START_MS + 10, b"set")
    assert evictor.find()
    clock.advance(10)
    recorder.take()
    evictor.evict()
    assert recorder.take() == [(0, b"k", b"expired")]
    assert keyspace.evicted == 0
    assert not evictor.find()


def test_one_draw_is_for_several_evictions() -> None:
    """Of the keys of a draw as many go as would of draws for each of them, the best first, until enough is free."""
    clock, keyspace, _ = make_keyspace()
    keyspace.account = Account(keyspace, None, lambda: None)
    keyspace.account.clear()
    evictor = evictor_of(keyspace, b"allkeys-lru", samples=5)
    keys = fill(clock, keyspace, 80)
    assert evictor.find()
    evictor.evict_until(keyspace.account, 0, 10)
    assert sorted(keyspace.table.keys(-1)) == sorted(keys[10:])
    assert evictor.find()
    evictor.evict_until(keyspace.account, keyspace.account.used - 1, 10)
    assert sorted(keyspace.table.keys(-1)) == sorted(keys[11:])
    for key in keys[11:16]:
        assert evictor.find()
        assert evictor.best == key
        evictor.evict()


def test_candidates_that_are_gone_are_passed_over() -> None:
    """Keys deleted since they were drawn are no candidates."""
    clock, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"allkeys-lru")
    keys = fill(clock, keyspace, 20)
    assert evictor.find()
    for key in keys[:19]:
        keyspace.delete(key)
    assert evicted(keyspace, evictor) == [keys[19]]


@pytest.mark.skipif(not IS_COMPILED, reason="to a dict it is all one where its keys stand")
@pytest.mark.parametrize("policy", [b"allkeys-random", b"allkeys-lfu", b"allkeys-lru", b"volatile-ttl"])
def test_table_stays_even(policy: bytes) -> None:
    """However many keys come and go, no place of the table gets crowded; all are equally good candidates."""
    _, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, policy, samples=5)
    for i in range(60_000):
        keyspace.put_until(b"%d" % i, b"v", START_MS + 1000, b"set")
        if len(keyspace) > 2000:
            assert evictor.find()
            evictor.evict()
    counts = Counter(keyspace.table.position(key) * 8 // END for key in keyspace.table.keys(0))
    assert len(counts) == 8
    assert min(counts.values()) > 125
    assert max(counts.values()) < 500


def test_table_gives_its_memory_back() -> None:
    """What most keys were evicted from is smaller then."""
    _, keyspace, _ = make_keyspace()
    evictor = evictor_of(keyspace, b"allkeys-random", samples=1)
    for i in range(20_000):
        keyspace.put(b"%d" % i, b"v", b"set")
    before = keyspace.table.memory
    for _ in range(15_000):
        assert evictor.find()
        evictor.evict()
    assert len(keyspace) == 5_000
    assert keyspace.table.memory < before * 0.4
