"""What clients have said is carried out though they leave, or their server stops, as by the reference itself."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ..support.client import Address, Client
from ..support.needs import required_reference
from ..support.ports import free_port
from ..support.process import Process, eventually, information, serving
from ..support.servers import running_reference
from ..support.wire import Argument, encoded, request
from .test_ways import SILENCE, Pretender, pretending

Request = tuple[Argument, ...]

MANY = 3000
BLMOVE: Request = ("BLMOVE", "l", "m", "LEFT", "RIGHT", 0)
INCR: Request = ("INCR", "n")


class Case(NamedTuple):
    """What the client says, and what was there before; what is not said at once is behind a request that waits."""

    said: list[Request]
    before: Sequence[Request] = ()


CASES = {
    "one": Case([INCR]),
    "silent": Case([("CLIENT", "REPLY", "OFF"), *[INCR] * MANY]),
    "reads between": Case([("GET", "n"), INCR] * 100),
    "transactions": Case([("MULTI",), INCR, ("EXEC",)] * 3),
    "watching": Case([("WATCH", "n"), ("MULTI",), INCR, ("EXEC",), ("INCR", "other")]),
    "databases": Case([INCR, ("SELECT", 1), INCR, ("SELECT", 0), INCR]),
    "served at once": Case([BLMOVE], [("RPUSH", "l", 1, 2, 3)]),
    "served one after the other": Case([*[BLMOVE] * 3, INCR], [("RPUSH", "l", 1, 2, 3)]),
    "silent and served": Case([("CLIENT", "REPLY", "OFF"), *[BLMOVE] * 3, INCR], [("RPUSH", "l", 1, 2, 3)]),
    "read by a group": Case(
        [("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "x", ">"), INCR],
        [("XGROUP", "CREATE", "x", "g", 0, "MKSTREAM"), ("XADD", "x", "1-1", "f", "v")],
    ),
    "waits": Case([INCR, BLMOVE, INCR]),
    "waits for the last": Case([*[BLMOVE] * 2, INCR], [("RPUSH", "l", 1)]),
    "wrong": Case([INCR, ("NOSUCH",), ("LPUSH", "n", 1), INCR]),
    "closes itself": Case([INCR, INCR, ("QUIT",), INCR]),
    "kills itself": Case([INCR, INCR, ("CLIENT", "KILL", "NAME", "leaver", "SKIPME", "no"), INCR]),
}
SEEN: list[Request] = [
    ("GET", "n"),
    ("GET", "other"),
    ("LRANGE", "l", 0, -1),
    ("LRANGE", "m", 0, -1),
    ("XINFO", "GROUPS", "x"),
    ("DBSIZE",),
]
NAME = b"leaver"


@pytest.fixture(scope="module")
def reference() -> Iterator[Address]:
    """What stands behind."""
    binary = required_reference()
    with running_reference(binary) as address:
        yield address


@pytest.fixture(scope="module")
def side(reference: Address) -> Iterator[Process]:
    """A near side of it."""
    with serving("--upstream", "valkey://{}:{}".format(*reference)) as process:
        yield process


class Leaver(Client):
    """A client that says all at once, and leaves."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.do("CLIENT", "SETNAME", NAME)

    def say(self, said: list[Request]) -> None:
        """Say that."""
        self.send_bytes(b"".join(request(tuple(map(encoded, words))) for words in said))


def close(leaver: Leaver) -> bytes:
    """Go without a look at what is answered."""
    leaver.close()
    return b""


def listen(leaver: Leaver) -> bytes:
    """Say nothing more; return all that is answered until the end."""
    leaver.socket.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: leaver.socket.recv(1 << 16), b""))


def has_left(watcher: Client) -> bool:
    """Is the leaver known no more?"""
    return NAME not in watcher.do("CLIENT", "LIST").value


def outcome(reference: Address, server: Address, case: Case, way: Callable[[Leaver], bytes]) -> object:
    """What is answered, and what is at the reference when the client has left the server."""
    with contextlib.closing(Client(reference)) as direct, contextlib.closing(Client(server)) as watcher:
        assert direct.do("FLUSHALL").value == b"OK"
        for words in case.before:
            assert not direct.do(*words).is_error
        leaver = Leaver(server)
        leaver.say(case.said)
        replies = way(leaver)
        leaver.close()
        assert eventually(lambda: has_left(watcher))
        return replies, [direct.do(*words) for words in SEEN]


@pytest.mark.parametrize("way", [close, listen], ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_was_said_is_carried_out(
    reference: Address, side: Process, case: Case, way: Callable[[Leaver], bytes]
) -> None:
    """By a near side as by the reference, which reads all before it sees the end; who still listens is answered."""
    assert side.address is not None
    assert outcome(reference, side.address, case, way) == outcome(reference, reference, case, way)


def test_end_is_told_through_tls(tmp_path: Path) -> None:
    """What a connection of its own was sent is carried out there as well."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    port, plain = free_port(), free_port()
    secure = (
        *("--port", str(plain), "--tls-port", str(port), "--tls-cert-file", str(tmp_path / "server.pem")),
        *("--tls-key-file", str(tmp_path / "server.pem"), "--tls-auth-clients", "no"),
    )
    url = f"valkeys://localhost:{port}"
    case = CASES["waits for the last"]
    with (
        serving(*secure),
        serving("--upstream", url, "--upstream-tls-ca-cert-file", str(tmp_path / "ca.pem")) as side,
    ):
        assert side.address is not None
        upstream = ("127.0.0.1", plain)
        assert outcome(upstream, side.address, case, close) == outcome(upstream, upstream, case, close)


@pytest.mark.parametrize("word", [b"SET", b"BLPOP"])
def test_who_has_left_is_waited_for_no_longer_than_others(word: bytes) -> None:
    """A server that does not answer keeps nobody here."""
    answer = lambda words: SILENCE if words[0] == word else b""  # noqa: E731
    options = ("--upstream-timeout", "60000", "--upstream-retry-time", "200")
    with pretending(answer, *options) as (pretender, watcher):
        leaver = Leaver((str(watcher.socket.getpeername()[0]), int(watcher.socket.getpeername()[1])))
        leaver.say([(word, "k", 1), ("INCR", "n")])
        assert eventually(lambda: pretender.count(word, b"k", b"1") == 1)
        leaver.close()
        assert eventually(lambda: has_left(watcher))
        assert information(watcher, "stats")["total_error_replies"] == "0"


class Stopped(NamedTuple):
    """What a client says, what the upstream gets of it in the end, and what the client is answered."""

    said: list[Request]
    passed: list[bytes]
    answered: bytes


INCRS = [b"INCR n", b"INCR n"]
STOPPED = {
    "write": Stopped([INCR], INCRS[:1], b"+OK\r\n"),
    "pipeline": Stopped([INCR, INCR], INCRS, b"+OK\r\n+OK\r\n"),
    "read": Stopped([("GET", "n")], [b"GET n"], b"+OK\r\n"),
    "silent": Stopped([("CLIENT", "REPLY", "OFF"), INCR, INCR], INCRS, b""),
    "put off": Stopped([INCR, ("SELECT", 1), INCR], INCRS, b"+OK\r\n" * 3),
    "transaction": Stopped(
        [("MULTI",), INCR, ("EXEC",)], [b"MULTI", b"INCR n", b"EXEC"], b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n"
    ),
    "watching": Stopped([("WATCH", "n"), INCR], [b"WATCH n", b"INCR n"], b"+OK\r\n+OK\r\n"),
    "waiting": Stopped([("BLPOP", "l", 0), INCR], [b"BLPOP l 0"], b""),
}
TAKEN = {b"INCR", b"GET", b"MULTI", b"EXEC", b"WATCH", b"BLPOP"}


@pytest.mark.parametrize("case", STOPPED.values(), ids=STOPPED)
def test_server_that_stops_waits_for_what_was_said(case: Stopped) -> None:
    """The upstream answers after the signal: who has asked gets that; who waits there for others waits no more."""
    is_told = threading.Event()

    def answer(words: list[bytes]) -> bytes:
        if words[0] in TAKEN:
            is_told.wait()
        return {b"BLPOP": SILENCE, b"EXEC": b"*1\r\n:1\r\n"}.get(words[0], b"")

    pretender = Pretender(answer)
    with (
        contextlib.closing(pretender),
        serving("--upstream", f"valkey://127.0.0.1:{pretender.port}", "--upstream-timeout", "60000") as side,
    ):
        assert side.address is not None
        leaver, idle = Client(side.address), side.connect()
        assert eventually(lambda: information(idle, "upstream")["upstream_mode"] == "primary")
        leaver.send_bytes(b"".join(request(tuple(map(encoded, words))) for words in case.said))
        assert eventually(lambda: any(words[0] in TAKEN for words in pretender.asked))
        side.popen.send_signal(signal.SIGTERM)
        with pytest.raises((EOFError, ConnectionError)):
            idle.receive()
        is_told.set()
        assert b"".join(iter(lambda: leaver.socket.recv(1 << 16), b"")) == case.answered
        assert side.popen.wait() == 0
        assert [b" ".join(words) for words in pretender.asked if words[0] in TAKEN] == case.passed
        leaver.close()
        idle.close()


@pytest.mark.parametrize("said", [INCR, ("GET", "n"), ("BLPOP", "l", 0)], ids=lambda said: said[0])
def test_server_that_stops_waits_no_longer_than_for_others(said: Request) -> None:
    """An upstream that says nothing keeps no process."""
    word = encoded(said[0])
    pretender = Pretender(lambda words: SILENCE if words[0] == word else b"")
    options = ("--upstream-timeout", "60000", "--upstream-retry-time", "200")
    with (
        contextlib.closing(pretender),
        serving("--upstream", f"valkey://127.0.0.1:{pretender.port}", *options) as side,
    ):
        leaver = side.connect()
        leaver.send(*said)
        assert eventually(lambda: pretender.count_of(word) == 1)
        assert side.end(signal.SIGTERM) == 0
        with pytest.raises((EOFError, ConnectionError)):
            leaver.receive()
        leaver.close()
