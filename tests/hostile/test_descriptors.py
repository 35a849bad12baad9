"""Open files run out: clients are told, the log says it in a line, and the server goes on."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.client import Client
from ..support.process import eventually
from ..support.servers import parse_address
from ..support.subject import command, environment
from ..support.wire import Reply

TOO_MANY = b"-ERR max number of clients reached\r\n"
# Runs a command with a soft and a hard limit of open files.
LIMITED = """
import os, resource, sys
soft, hard = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
os.execv(sys.argv[3], sys.argv[3:])
"""


class Limited:
    """A server with limits of open files, its log and its standard error."""

    def __init__(self, folder: Path, soft: int, hard: int, *options: str) -> None:
        self.log = folder / "log"
        words = [sys.executable, "-c", LIMITED, str(soft), str(hard)]
        words += command("--bind", "127.0.0.1:0", "--logfile", str(self.log), *options)
        self.process = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE)

    def wait_ready(self) -> Limited:
        """Until clients are served."""
        while not self.told("ready"):
            assert self.process.poll() is None
        return self

    def told(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log about an event; all lines are JSON."""
        text = self.log.read_text() if self.log.exists() else ""
        whole = text[: text.rfind("\n") + 1].splitlines()
        return [line for line in map(json.loads, whole) if line["event"] == event]

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return parse_address(self.told("listening")[0]["address"])

    def stop(self) -> str:
        """End it; return what it wrote to standard error."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=30)
        return said.decode()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start servers with limits."""
    started: list[Limited] = []

    def begin(soft: int, hard: int, *options: str) -> Limited:
        started.append(Limited(tmp_path, soft, hard, *options))
        return started[-1].wait_ready()

    yield begin
    for server in started:
        if server.process.poll() is None:
            assert server.stop() == ""


def read_all(sock: socket.socket) -> bytes:
    """What comes until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(1000):
            data += piece
    return data


def test_the_soft_limit_is_raised(start: Any) -> None:
    """What the hard limit allows is taken, and maxclients is what was asked for."""
    server = start(256, 4096, "--maxclients", "1000")
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert limits[0] >= 1032
    assert server.told("maxclients_lowered") == []
    client = Client(server.address)
    assert client.do("CONFIG", "SET", "maxclients", "2000") == Reply("+", b"OK")
    assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[0] >= 2032
    client.close()


def test_maxclients_is_lowered_to_what_can_be_had(start: Any) -> None:
    """One line tells of it; CONFIG SET refuses more in the reference's words."""
    server = start(64, 128)
    (line,) = server.told("maxclients_lowered")
    room = line["maxclients"]
    assert line["asked"] == 10000
    assert 64 <= room <= 96
    client = Client(server.address)
    assert client.do("CONFIG", "GET", "maxclients").value[1] == Reply("$", b"%d" % room)
    refused = client.do("CONFIG", "SET", "maxclients", "2000")
    assert refused.value.endswith(b"not able to handle the specified number of clients, try with %d" % room)
    assert client.do("CONFIG", "SET", "maxclients", "50") == Reply("+", b"OK")
    assert client.do("CONFIG", "SET", "maxclients", str(room)) == Reply("+", b"OK")
    client.close()


def test_clients_too_many_are_told(start: Any) -> None:
    """All that are promised are served, all others get the reason at once, and places that become free are given."""
    server = start(128, 128)
    room = server.told("maxclients_lowered")[0]["maxclients"]
    clients = [Client(server.address) for _ in range(room)]
    assert {client.do("PING") for client in clients} == {Reply("+", b"PONG")}
    others = [socket.create_connection(server.address, timeout=20) for _ in range(300)]
    assert {read_all(sock) for sock in others} <= {TOO_MANY, b""}
    for sock in others:
        sock.close()
    with socket.create_connection(server.address, timeout=20) as sock:
        assert read_all(sock) == TOO_MANY
    assert {client.do("PING") for client in clients} == {Reply("+", b"PONG")}
    for client in clients:
        client.close()
    late = Client(server.address)
    assert late.do("PING") == Reply("+", b"PONG")
    late.close()


def test_files_that_others_took(start: Any) -> None:
    """Where the limit falls below what was promised, clients are still told or served, and no line is a traceback."""
    server = start(256, 256)
    first = Client(server.address)
    assert first.do("PING") == Reply("+", b"PONG")
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (20, hard))
    others = [socket.create_connection(server.address, timeout=20) for _ in range(60)]
    answers = set()
    for sock in others:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(b"PING\r\n")
        with contextlib.suppress(ConnectionResetError):
            answers.add(sock.recv(1000))
    assert answers <= {b"+PONG\r\n", TOO_MANY, b""}
    assert TOO_MANY in answers
    assert first.do("PING") == Reply("+", b"PONG")
    assert 1 <= len(server.told("not_accepted")) <= 20
    for sock in others:
        sock.close()
    assert eventually(lambda: is_served(server.address), 20)  # as soon as it has noticed who left
    first.close()


def is_served(address: Any) -> bool:
    """Is a new client served?"""
    client = Client(address)
    try:
        return client.do("PING") == Reply("+", b"PONG")
    except (EOFError, ConnectionError):
        return False
    finally:
        client.close()


def test_no_room_at_all(tmp_path: Path) -> None:
    """A server that could serve nobody does not start, and says why on one line."""
    server = Limited(tmp_path, 30, 30)
    _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert said.decode() == "geventcache: error: the limit of 30 open files leaves no room for clients\n"
