"""The expiry worker puts keys that are due before everything else that it does."""

from __future__ import annotations

from itertools import pairwise

import pytest

from geventcache.server import expiry as expiry_module
from geventcache.server.expiry import Expiry

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
    expiry.drain(*expiry.queue.get())
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
    expiry.drain(*expiry.queue.get())
    expiry.close_batch()
    steps = [before - after for before, after in pairwise([DUE, *left])]
    assert sum(steps) == DUE
    assert max(steps) <= expiry_module.STRIDE
    assert expiry.batches == 1
