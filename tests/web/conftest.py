"""A server with HTTP for a module's tests, and how to ask it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ..support.client import Address, Client
from ..support.ports import free_port
from ..support.process import eventually, information
from ..support.servers import running_subject


class Reply(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: str


class Pair(NamedTuple):
    """Where a server speaks RESP, and where HTTP."""

    resp: Address
    http: Address

    def get(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Reply:
        """Ask over HTTP; ``_`` in the name of a header is ``-``."""
        return ask(self.http, path, method, body, **headers)

    def connect(self) -> Client:
        """A RESP client."""
        return Client(self.resp)


def ask(address: Address, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Reply:
    """Ask a server over HTTP."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read().decode())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Run a server that has done something of each kind."""
    port = free_port()
    with running_subject("--http", f"127.0.0.1:{port}", "--http-token", "let-me-see") as resp:
        found = Pair(resp, ("127.0.0.1", port))
        with_something(found)
        yield found


def with_something(pair: Pair) -> None:
    """Keys with and without a deadline, an expired one, an error, a slow command."""
    client = pair.connect()
    client.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
    client.do("SET", "a", "1")
    client.do("SET", "b", "1", "PX", "1")
    client.do("SET", "c", "1", "EX", "1000")
    client.do("NOSUCH")
    assert eventually(lambda: information(client, "expiry")["batches"] != "0")
    client.close()
