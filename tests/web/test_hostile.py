"""HTTP clients that mean no good: they hold neither memory nor RESP clients."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from geventcache.embedding import Server
from geventcache.web import limits

from ..support.client import Address, Client
from ..support.ports import free_port
from ..support.process import memory_kb, serving
from .conftest import ask

MEGABYTE_KB = 1024


@contextlib.contextmanager
def opened(address: Address, count: int = 1) -> Iterator[list[socket.socket]]:
    """Connections, as many as the server's backlog takes."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(address, 60)) for _ in range(count)]


@contextlib.contextmanager
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Address, Address]]:
    """A server in this process with little patience: its addresses for RESP and for HTTP."""
    monkeypatch.setattr(limits, "REQUEST_S", 0.05)
    monkeypatch.setattr(limits, "REST_S", 0.001)
    port = free_port()
    with Server(port=0, http=f"127.0.0.1:{port}") as server:
        yield server.address, ("127.0.0.1", port)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"G",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
    ],
)
def test_slow_clients_are_closed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Who does not say what he wants is closed, and those who wait behind them are served."""
    with impatient(monkeypatch) as (_, http), opened(http, limits.CONNECTIONS) as connections:
        for connection in connections:
            connection.sendall(data)
        assert ask(http, "/health/live").body == "live\n"
        for connection in connections:
            while connection.recv(4096):
                pass


def test_clients_that_do_not_read_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks and never takes the answers is closed."""
    with impatient(monkeypatch) as (_, http), socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.connect(http)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        assert ask(http, "/health/live").body == "live\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x00\x01\x02\x03\r\n\r\n", 400),
        (b"*1\r\n$4\r\nPING\r\n\r\n", 400),
        (b"GET /metrics\r\n\r\n", None),
        (b"GET " + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /metrics HTTP/9.9\r\n\r\n", 400),
        (b"GET /metrics HTTP/x.y\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 10000 + b"\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", 400),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", 400),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", 400),
        (b"POST /metrics HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + b"=" * 100 + b"\r\n\r\n", 401),
        (b"GET /%ff%00 HTTP/1.0\r\nHost: localhost\r\n\r\n", 404),
    ],
)
def test_garbage(hostile: tuple[Client, Address, int], data: bytes, status: int | None) -> None:
    """What is no request is refused at once, and the connection is closed or goes on."""
    client, http, _ = hostile
    with opened(http) as (connection,):
        with contextlib.suppress(OSError):
            connection.sendall(data)
        first = b""
        with contextlib.suppress(ConnectionResetError):
            first = connection.recv(4096)
        if status is not None and first:
            assert first.split(b" ", 2)[1] == b"%d" % status
    assert client.do("PING").value == b"PONG"
    assert ask(http, "/health/live").status == 200


def test_a_huge_body_is_not_taken(hostile: tuple[Client, Address, int]) -> None:
    """A body without end is neither kept nor read: the connection is closed long before."""
    client, http, pid = hostile
    before = memory_kb(pid, "VmRSS")
    with opened(http) as (connection,):
        connection.sendall(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 100 << 20:
                sent += connection.send(b"x" * 65536)
    assert sent < 100 << 20
    assert client.do("PING").value == b"PONG"
    assert memory_kb(pid, "VmRSS") - before < 8 * MEGABYTE_KB


def test_many_connections_hold_little(hostile: tuple[Client, Address, int]) -> None:
    """Connections beyond the limit wait in the kernel; RESP clients are served in between."""
    client, http, pid = hostile
    before = memory_kb(pid, "VmRSS")
    with opened(http, 400) as connections:
        for connection in connections:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1000)
        for _ in range(100):
            assert client.do("PING").value == b"PONG"
        assert memory_kb(pid, "VmRSS") - before < 8 * MEGABYTE_KB


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[Client, Address, int]]:
    """A RESP client of a server in a process of its own, its address for HTTP, its number."""
    port = free_port()
    with serving("--http", f"127.0.0.1:{port}") as process:
        client = process.connect()
        yield client, ("127.0.0.1", port), process.popen.pid
        client.close()
