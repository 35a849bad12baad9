"""Greenlets and timers while keys expire: a server on the hub of the test, so that they can be counted."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import greenlet
import pytest
from gevent import get_hub, socket

from geventcache.server.app import Server
from geventcache.services.settings.config import Config

from ..support.process import eventually
from ..support.wire import Source, read_reply, request

pytestmark = pytest.mark.slow


class Log:
    """A log of which nothing is read."""

    def info(self, event: str, **fields: object) -> None:
        """Drop a line."""

    warning = error = info


class GreenClient:
    """A connection that waits on the hub."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.source = Source(lambda: self.socket.recv(1 << 16))

    def do(self, *argv: bytes) -> Any:
        """Send one command and return the value of its reply."""
        return self.batch([argv])[0]

    def batch(self, commands: list[tuple[bytes, ...]]) -> list[Any]:
        """Send commands at once and return the values of their replies."""
        self.socket.sendall(b"".join(request(argv) for argv in commands))
        return [read_reply(self.source).value for _ in commands]


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server on this thread's hub."""
    config = Config()
    config.load("port", b"0")
    config.load("enable-debug-command", b"local")
    server = Server(config, Log())
    server.start()
    yield server
    server.stop()
    gc.unfreeze()


def living() -> tuple[int, int, int]:
    """Count the greenlets, the timers and the active watchers of this process."""
    gc.unfreeze()
    gc.collect()
    objects = gc.get_objects()
    greenlets = sum(isinstance(one, greenlet.greenlet) for one in objects)
    timers = sum(type(one).__name__ == "timer" for one in objects)
    return greenlets, timers, get_hub().loop.activecnt


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_greenlets_and_timers_are_constant(server: Server, count: int) -> None:
    """However many keys have a deadline or expire at once, there are as many greenlets and timers as before."""
    port = server.addresses[0].port
    assert port
    client = GreenClient(port)
    client.batch([(b"SET", b"first", b"v", b"PX", b"1"), (b"SET", b"last", b"v", b"EX", b"1000")])
    assert eventually(lambda: _expired(client) == 1)
    before = living()
    assert min(before) > 0

    client.do(b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0")
    for start in range(0, count, 1000):
        client.batch([(b"SET", b"key:%d" % i, b"v", b"PX", b"%d" % (1 + i % 50)) for i in range(start, start + 1000)])
    waiting = living()
    client.do(b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1")
    assert eventually(lambda: _expired(client) > 1)
    expiring = living()
    assert eventually(lambda: _expired(client) == count + 1)
    assert [waiting, expiring, living()] == [pytest.approx(before, abs=2)] * 3
    client.socket.close()


def _expired(client: GreenClient) -> int:
    text: bytes = client.do(b"INFO", b"stats")
    return int(text.split(b"expired_keys:")[1].split()[0])
