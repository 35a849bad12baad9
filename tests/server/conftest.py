"""One server for a module's tests, and connections to it that are closed in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ..support.client import Address, Client
from ..support.servers import running_subject

Connect = Callable[..., Client]
ROUNDS = 2000  # of asking for a state; each is a round trip


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Run a server on a free port."""
    with running_subject("--databases", "16") as found:
        yield found


@pytest.fixture
def connect(address: Address) -> Iterator[Connect]:
    """Open connections to the server, which is empty."""
    opened: list[Client] = []

    def open_one(protocol: int = 2) -> Client:
        opened.append(Client(address, protocol))
        return opened[-1]

    open_one().do("FLUSHALL")
    yield open_one
    for client in opened:
        client.close()


@pytest.fixture
def control(connect: Connect) -> Client:
    """A connection to ask the server about the others."""
    return connect()


def wait_until(claim: Callable[[], bool]) -> None:
    """Ask until the claim holds; it has to ask the server."""
    assert any(claim() for _ in range(ROUNDS))


def wait_blocked(control: Client, count: int) -> None:
    """Wait until so many clients are blocked."""
    text = b"blocked_clients:%d\r\n" % count
    wait_until(lambda: text in control.do("INFO", "clients").value)
