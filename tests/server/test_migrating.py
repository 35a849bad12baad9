"""MIGRATE waits for another server, and nobody but its client waits with it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from ..support.client import Client
from ..support.process import GRACE_S, Process, eventually, serving

SILENT_MS = 600_000


@pytest.fixture
def process() -> Iterator[Process]:
    """A server with a key."""
    with serving() as running:
        with closing(running.connect()) as client:
            client.do("SET", "k", "v")
        yield running


@pytest.fixture
def target() -> Iterator[socket.socket]:
    """A socket that accepts connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(GRACE_S)
        yield listener


def migrate(process: Process, target: socket.socket, timeout_ms: int = SILENT_MS) -> Client:
    """Ask for a migration; return the connection that waits for it."""
    client = process.connect()
    client.send("MIGRATE", "127.0.0.1", target.getsockname()[1], "k", 0, timeout_ms)
    return client


def test_others_are_served_meanwhile(process: Process, target: socket.socket) -> None:
    """Until the target answers; the key is here until then, and what is sent behind MIGRATE waits."""
    waiting = migrate(process, target)
    waiting.send("GET", "k")
    connection, _ = target.accept()
    assert connection.recv(7) == b"*4\r\n$7\r"
    other = process.connect()
    assert other.do("GET", "k").value == b"v"
    assert not waiting.has_input()
    connection.sendall(b"+OK\r\n")
    assert waiting.receive().value == b"OK"
    assert waiting.receive().value is None
    assert other.do("EXISTS", "k").value == 0


def test_a_key_that_changes_meanwhile_is_sent_again(process: Process, target: socket.socket) -> None:
    """And one that goes meanwhile is deleted there."""
    other = process.connect()
    waiting = migrate(process, target)
    connection, _ = target.accept()
    assert b"RESTORE" in connection.recv(1 << 16)
    other.do("SET", "k", "changed")
    connection.sendall(b"+OK\r\n")
    again = connection.recv(1 << 16)
    assert b"REPLACE" in again
    assert b"changed" in again
    other.do("DEL", "k")
    connection.sendall(b"+OK\r\n")
    assert connection.recv(1 << 16) == b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"
    connection.sendall(b":1\r\n")
    assert waiting.receive().value == b"OK"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", b"IOERR error or timeout reading to target instance"),
        (b"no protocol", b"IOERR error or timeout reading to target instance"),
        (b"+OK\r\n", None),
        (b"-ERR a b\r\n", b"ERR Target instance replied with error: ERR a b"),
    ],
)
def test_a_target_that_misbehaves(process: Process, target: socket.socket, answer: bytes, error: bytes | None) -> None:
    """The key stays here unless it has arrived."""
    waiting = migrate(process, target)
    connection, _ = target.accept()
    connection.recv(1 << 16)
    connection.sendall(answer)
    connection.close()
    assert waiting.receive().value == (error or b"OK")
    assert process.connect().do("EXISTS", "k").value == int(error is not None)


def test_time_is_over(process: Process, target: socket.socket) -> None:
    """A target that says nothing is waited for no longer than was asked."""
    assert migrate(process, target, 1).receive().value.startswith(b"IOERR error or timeout ")
    assert process.connect().do("GET", "k").value == b"v"


def test_a_client_that_leaves_does_not_end_its_migration(process: Process, target: socket.socket) -> None:
    """What has arrived is deleted here, whoever is left to be told."""
    waiting = migrate(process, target)
    connection, _ = target.accept()
    connection.recv(1 << 16)
    waiting.close()
    other = process.connect()
    assert eventually(lambda: other.do("CLIENT", "LIST").value.count(b"\n") == 1)
    connection.sendall(b"+OK\r\n")
    assert eventually(lambda: not other.do("EXISTS", "k").value)


def test_a_server_that_stops_waits_for_nobody(process: Process, target: socket.socket) -> None:
    """Migrations end with it."""
    waiting = migrate(process, target)
    target.accept()
    assert process.end(signal.SIGTERM) == 0
    waiting.close()
