"""The expiry worker puts keys that are due before everything else that it does."""

from __future__ import annotations

from itertools import pairwise

import gevent
import pytest

from geventcache.server import expiry as expiry_module
from geventcache.server.expiry import Expiry
from geventcache.store.changes import WATCH_RANK, Listener
from geventcache.store.keyspace import Keyspace

from ..support.inprocess import InProcessServer, NoLog

BURIED = 5_000
DUE = 1_000


def test_housework_waits_for_due_keys() -> None:
    """Freeing a large value stops when keys become due, and goes on where it stopped."""
    server = InProcessServer()
    session = server.session()
    session.do("RPUSH", "l", *map(str, range(BURIED)))
    session.do("UNLINK", "l")
    graveyard = server.state.databases.graveyard
    assert len(graveyard) == 1
    expiry = Expiry(server.state, lambda: None, NoLog())
    expiry.begin_slice()
    session.do("SET", "k", "v", "PX", "10")
    server.clock.advance(10)
    expiry.post_due(server.clock.now_ms)
    expiry.keep_house()
    assert len(graveyard) == 1
    expiry.drain(expiry.queue.get())
    assert server.state.databases.get(0).expired == 1
    expiry.keep_house()
    assert len(graveyard) == 0


def test_large_batches_keep_to_the_time_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch may take many slices: clients are let in when the budget is used up, however large batches have grown."""
    server = InProcessServer()
    session = server.session()
    for i in range(DUE):
        session.do("SET", str(i), "v", "PX", "10")
    server.clock.advance(10)
    keyspace = server.state.databases.get(0)
    time_us = 0
    left: list[int] = []

    def microseconds() -> int:
        nonlocal time_us
        time_us += server.state.config["expire-time-budget"]
        return time_us

    monkeypatch.setattr(expiry_module, "monotonic_us", microseconds)
    monkeypatch.setattr(expiry_module, "sleep", lambda _seconds: left.append(len(keyspace)))
    expiry = Expiry(server.state, lambda: None, NoLog())
    expiry.growth = expiry_module.GROWTH_LIMIT
    expiry.post_due(server.clock.now_ms)
    expiry.begin_slice()
    expiry.drain(expiry.queue.get())
    expiry.close_batch()
    steps = [before - after for before, after in pairwise([DUE, *left])]
    assert sum(steps) == DUE
    assert max(steps) <= expiry_module.STRIDE
    assert expiry.batches == 1


class Listening(Listener):
    """A listener that fails when it hears that certain keys have expired, some times each."""

    def __init__(self, failures: dict[bytes, int]) -> None:
        self.failures = failures

    def changed(self, _keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """Hear of a change."""
        if event == b"expired" and self.failures.get(key, 0):
            self.failures[key] -= 1
            raise MemoryError


class Lines(NoLog):
    """A log that keeps what went wrong."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, event: str, **_fields: object) -> None:
        """Something went wrong."""
        self.errors.append(event)


def keys_due(server: InProcessServer, count: int) -> Keyspace:
    """Make keys, a hash with a field among them, whose time has come."""
    session = server.session()
    for i in range(count):
        session.do("SET", str(i), "v", "PX", "10")
    session.do("HSET", "h", "f", "v", "g", "w")
    assert session.do("HPEXPIRE", "h", "10", "FIELDS", "1", "f") == b"*1\r\n:1\r\n"
    server.clock.advance(10)
    return server.state.databases.get(0)


def worker_of(server: InProcessServer, monkeypatch: pytest.MonkeyPatch, log: Lines) -> Expiry:
    """An Expiry whose worker does not pause after a failure."""
    monkeypatch.setattr(expiry_module, "PAUSE_SECONDS", 0)
    return Expiry(server.state, lambda: None, log)


def test_the_worker_survives_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails while keys expire, the rest of them go, with one line in the log for each failure."""
    server, log = InProcessServer(), Lines()
    keyspace = keys_due(server, DUE)
    server.state.databases.changes.listen(Listening({b"7": 1, b"500": 2, b"999": 1}), WATCH_RANK)
    expiry = worker_of(server, monkeypatch, log)
    expiry.post_due(server.clock.now_ms)
    worker = gevent.spawn(expiry.work)
    gevent.idle()
    while expiry.depth and not worker.dead:
        gevent.idle()
    assert not worker.dead
    worker.kill()
    assert len(keyspace) == 1
    assert server.session().do("HLEN", "h") == b":1\r\n"
    assert log.errors == ["expiry_failed"] * 3  # a key that is gone is not visited again


def test_a_ticket_that_fails_waits_for_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that fails by itself goes back; what stands behind it in its bucket has its turn."""
    server, log = InProcessServer(), Lines()
    keyspace = keys_due(server, 200)
    lost: list[bytes] = []

    def lose(_keyspace: Keyspace, key: bytes, _names: object) -> None:
        if key == b"50" and broken:
            raise ValueError
        lost.append(key)

    broken = True
    server.state.databases.changes.on_lost = lose
    expiry = worker_of(server, monkeypatch, log)
    while len(lost) < 200:
        expiry.step()
    assert server.session().do("HLEN", "h") == b":1\r\n"
    assert expiry.is_behind()
    assert set(log.errors) == {"expiry_failed"}
    broken = False
    while expiry.is_behind():
        expiry.step()
    assert len(keyspace) == 1
    assert len(lost) == len(set(lost)) == 201
    assert expiry.depth == 0


@pytest.mark.parametrize("number", range(12))
def test_no_allocation_loses_a_ticket(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whichever allocation fails while a bucket is taken and visited, all its keys go in the end."""
    testcapi = pytest.importorskip("_testcapi", reason="this Python has no hook that lets allocations fail")
    server, log = InProcessServer(), Lines()
    keyspace = keys_due(server, 100)
    expiry = worker_of(server, monkeypatch, log)
    testcapi.set_nomemory(number, number + 1)
    try:
        expiry.step()
    finally:
        testcapi.remove_mem_hooks()
    while expiry.is_behind():
        expiry.step()
    assert len(keyspace) == 1
    assert server.session().do("HLEN", "h") == b":1\r\n"
    assert keyspace.deadlines.tickets == 0
