"""One link of the bus: what it does when the shard at its other end does not read, or begins anew."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from geventcache.server import bus
from geventcache.server.bus import Link

PIECE = bytes(1 << 20)
PATIENCE_S = 10


class Drops:
    """In the place of a bus: counts what its links drop."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def drop(self, link: Link, reason: str) -> None:
        """A shard has missed messages."""
        self.reasons.append(reason)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a shard."""
    sock = gevent.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(tmp_path / "bus"))
    sock.listen(8)
    yield sock
    sock.close()


@pytest.fixture
def link(listener: socket.socket) -> Link:
    """A link to it."""
    return Link(listener.getsockname(), b"a" * 40, Drops())


def read(sock: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = bytearray()
    with gevent.Timeout(PATIENCE_S):
        while len(data) < size:
            data += sock.recv(size - len(data))
    return bytes(data)


def test_a_shard_that_does_not_read(listener: socket.socket, link: Link) -> None:
    """What exceeds the limit is dropped, nobody waits, and all that was kept arrives once the shard reads."""
    for _ in range(40):
        link.add(PIECE)
    kept = bus.BACKLOG_LIMIT // len(PIECE)
    assert link.size == kept * len(PIECE)
    assert link.bus.reasons == ["backlog full"] * (40 - kept)
    connection, _ = listener.accept()
    assert len(read(connection, kept * len(PIECE))) == kept * len(PIECE)
    link.add(b"next")
    assert read(connection, 4) == b"next"
    link.close()


def test_a_shard_that_begins_anew(listener: socket.socket, link: Link) -> None:
    """A link that was broken is made anew by the next message, which is not lost."""
    link.add(b"one")
    connection, _ = listener.accept()
    assert read(connection, 3) == b"one"
    connection.close()
    link.add(b"two")
    connection, _ = listener.accept()
    assert read(connection, 3) == b"two"
    link.close()


def test_a_shard_that_is_gone(listener: socket.socket, link: Link) -> None:
    """Messages to a shard that nobody holds a socket for are dropped, and the link lives on."""
    listener.close()
    link.add(b"one")
    with gevent.Timeout(PATIENCE_S):
        while link.size:
            gevent.sleep(0)
    assert link.bus.reasons == ["Connection refused"]
    assert link.created_ms == 0
    link.close()
