"""The expiry worker puts keys that are due before everything else that it does."""

from __future__ import annotations

from geventcache.server.expiry import Expiry

from ..services.inprocess import InProcessServer, NoLog

BURIED = 5_000


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
