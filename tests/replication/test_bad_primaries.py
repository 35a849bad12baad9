"""Primaries that break off, send garbage, or say something unusual: a replica keeps what it has, and tries again."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from geventcache.persistence.snapshot_writer import Header
from geventcache.services.observing.info import VALKEY_VERSION

from ..support.client import Client
from ..support.ports import free_port
from ..support.process import GRACE_S, eventually, information, memory_kb, running
from ..support.snapshots import Record
from ..support.snapshots import snapshot as file_of
from ..support.wire import Source, read_reply, request
from .relations import is_linked

ID = b"a" * 40
MARK = b"m" * 40
OK = b"+OK\r\n"


def snapshot(count: int = 3, facts: dict[bytes, bytes] | None = None) -> bytes:
    """A file with so many keys."""
    records = (Record(0, b"key:%d" % i, b"value:%d" % i) for i in range(count))
    return file_of(records, Header(False, facts or {}, []))


class Primary:
    """A primary that says what the test wants, to one replica after the other."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(GRACE_S)
        self.port = self.listener.getsockname()[1]
        self.connection: socket.socket | None = None
        self.source: Source | None = None

    def accept(self) -> None:
        """Wait for the replica."""
        self.hang_up()
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(GRACE_S)
        self.source = Source(self.receive)

    @property
    def peer(self) -> socket.socket:
        """The connection to the replica."""
        assert self.connection is not None
        return self.connection

    def receive(self) -> bytes:
        """The next bytes of the replica."""
        data = self.peer.recv(1 << 16)
        if not data:
            raise EOFError
        return data.replace(b"\n*", b"*").lstrip(b"\n") if data.startswith(b"\n") else data

    def say(self, data: bytes) -> None:
        """Send bytes."""
        self.peer.sendall(data)

    def hear(self) -> list[bytes]:
        """The next request of the replica."""
        assert self.source is not None
        return [item.value for item in read_reply(self.source).value]

    def greet(self) -> list[bytes]:
        """Go along with the handshake; return what the replica asks for."""
        self.accept()
        while (request := self.hear())[0] != b"PSYNC":
            self.say(b"+PONG\r\n" if request == [b"PING"] else OK)
        return request

    def hang_up(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@pytest.fixture
def primary() -> Iterator[Primary]:
    """A primary."""
    found = Primary()
    yield found
    found.hang_up()
    found.listener.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the replica logs to."""
    return tmp_path / "log"


@pytest.fixture
def replica(primary: Primary, log: Path) -> Iterator[Client]:
    """A replica of that primary with a key of its own."""
    address = "127.0.0.1", free_port()
    options = ("--port", str(address[1]), "--bind", address[0], "--repl-timeout", "5")
    with log.open("wb") as stderr, running(*options, stderr=stderr, listens=False) as process:
        assert eventually(lambda: b'"ready"' in log.read_bytes())
        client = Client(address)
        client.do("SET", "own", "v")
        client.do("REPLICAOF", "127.0.0.1", primary.port)
        yield client
        client.close()
        assert process.popen.poll() is None
        lines = log.read_text()
        assert not [event for event in ("replication_failed", "unexpected", "command_failed") if event in lines], lines


def reasons(log: Path) -> str:
    """Why links went down, as the log tells."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return "; ".join(line["reason"] for line in lines if line["event"] == "replication_link_down")


def send_all(primary: Primary, position: int = 0) -> None:
    """Go along with the handshake and a full sync."""
    primary.greet()
    primary.say(b"+FULLRESYNC %b %d\r\n$EOF:%b\r\n%b%b" % (ID, position, MARK, snapshot(), MARK))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"nonsense\r\n", "it answers PSYNC with"),
        (b"-ERR not today\r\n", "ERR not today"),
        (b"+FULLRESYNC x\r\n", "it answers PSYNC with"),
        (b"x" * 100_000, "it sends something that is no reply"),
        (b"+FULLRESYNC %b 0\r\n+OK\r\n" % ID, "it sends no file"),
        (b"+FULLRESYNC %b 0\r\n$EOF:short\r\n" % ID, "without a proper mark"),
        (b"+FULLRESYNC %b 0\r\n$99999999999999999999\r\n" % ID, "it sends no file"),
        (b"+FULLRESYNC %b 0\r\n$100\r\nREDIS0010" % ID, "closed"),
        (b"+FULLRESYNC %b 0\r\n$100\r\nREDIS0099%b" % (ID, b"x" * 200), "Can't handle RDB format version 99"),
        (b"+FULLRESYNC %b 0\r\n$EOF:%b\r\n%b" % (ID, MARK, snapshot()[:-30]), "closed"),
        (b"+FULLRESYNC %b 0\r\n$EOF:%b\r\n%b%b" % (ID, MARK, snapshot()[:-3] + b"xxx", MARK), "wrong checksum"),
        (b"+FULLRESYNC %b 0\r\n$EOF:%b\r\n%b%b" % (ID, MARK, snapshot()[:-30], MARK), "it ends too early"),
        (b"+FULLRESYNC %b 0\r\n$EOF:%b\r\n%b" % (ID, MARK, snapshot() + b"x" * 200 + MARK), "more comes after the end"),
        (b"", "closed"),
    ],
)
def test_what_is_no_sync(primary: Primary, replica: Client, log: Path, answer: bytes, reason: str) -> None:
    """The data of before are served, the log says why, and the next try begins anew."""
    assert primary.greet() == [b"PSYNC", b"?", b"-1"]
    primary.say(answer)
    primary.hang_up()
    assert primary.greet() == [b"PSYNC", b"?", b"-1"]
    assert eventually(lambda: reason in reasons(log))
    assert replica.do("DBSIZE").value == 1
    assert replica.do("GET", "own").value == b"v"
    assert not is_linked(replica)


def test_empty_lines_say_that_the_primary_is_at_work(primary: Primary, replica: Client) -> None:
    """They may come before any answer, and before the file."""
    primary.accept()
    while (request := primary.hear())[0] != b"PSYNC":
        primary.say(b"\n\n" + (b"+PONG\r\n" if request == [b"PING"] else OK))
    primary.say(b"\n+FULLRESYNC %b 7\r\n\n\n$EOF:%b\r\n" % (ID, MARK))
    for byte in snapshot() + MARK:
        primary.say(bytes([byte]))
    assert primary.hear() == [b"REPLCONF", b"ACK", b"7"]
    assert replica.do("GET", "key:2").value == b"value:2"
    assert replica.do("GET", "own").value is None


def test_the_stream_may_follow_a_file_of_known_size_at_once(primary: Primary, replica: Client) -> None:
    """In the same breath; in the database that the file tells of."""
    primary.greet()
    file = snapshot(facts={b"repl-stream-db": b"4"})
    primary.say(b"+FULLRESYNC %b 0\r\n$%d\r\n%b%b" % (ID, len(file), file, request((b"SET", b"a", b"1"))))
    assert eventually(lambda: is_linked(replica))
    replica.do("SELECT", 4)
    assert eventually(lambda: replica.do("GET", "a").value == b"1")


def test_a_question_is_answered_at_once(primary: Primary, replica: Client) -> None:
    """With the position before it."""
    send_all(primary, 100)
    assert primary.hear() == [b"REPLCONF", b"ACK", b"100"]
    before = request((b"SET", b"a", b"1"))
    primary.say(before + request((b"REPLCONF", b"GETACK", b"*")))
    while (heard := primary.hear()) == [b"REPLCONF", b"ACK", b"100"]:
        pass
    assert heard == [b"REPLCONF", b"ACK", b"%d" % (100 + len(before))]


def test_a_link_that_breaks_amid_a_transaction(primary: Primary, replica: Client) -> None:
    """The replica asks for all of it again."""
    send_all(primary, 100)
    primary.hear()
    before = request((b"SET", b"a", b"1"))
    primary.say(before + request((b"MULTI",)) + request((b"INCR", b"a")))
    assert eventually(lambda: replica.do("GET", "a").value == b"1")
    primary.hang_up()
    assert primary.greet() == [b"PSYNC", ID, b"%d" % (101 + len(before))]
    primary.say(b"+CONTINUE\r\n" + b"".join(request((word,)) for word in (b"MULTI",)))
    primary.say(request((b"INCR", b"a")) + request((b"EXEC",)))
    assert eventually(lambda: replica.do("GET", "a").value == b"2")


def test_a_link_that_breaks_amid_an_answer(primary: Primary, replica: Client) -> None:
    """What comes after it goes into the database that the stream had selected before."""
    send_all(primary, 100)
    primary.hear()
    before = request((b"SELECT", b"1")) + request((b"SET", b"a", b"1"))
    primary.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    primary.say(before + request((b"REPLCONF", b"GETACK", b"*")))
    primary.hang_up()
    wanted = primary.greet()[2]
    rest = before if wanted == b"101" else b""  # the system may have dropped what was not read
    primary.say(b"+CONTINUE\r\n" + rest + request((b"SET", b"b", b"2")))
    replica.do("SELECT", 1)
    assert eventually(lambda: replica.do("MGET", "a", "b").plain() == [b"1", b"2"])


def test_another_history_goes_on(primary: Primary, replica: Client) -> None:
    """The primary's own primary was replaced: the one before is remembered."""
    send_all(primary, 100)
    primary.hear()
    primary.hang_up()
    assert primary.greet() == [b"PSYNC", ID, b"101"]
    primary.say(b"+CONTINUE %b\r\n" % (b"b" * 40))
    assert eventually(lambda: is_linked(replica))
    facts = information(replica, "replication")
    assert (facts["master_replid"], facts["master_replid2"]) == ("b" * 40, ID.decode())
    assert facts["second_repl_offset"] == "101"


@pytest.mark.parametrize("garbage", [b"*1\r\n:1\r\n", b"*99999999999\r\n", b"\x00\xff" * 100_000])
def test_a_stream_that_turns_into_garbage(primary: Primary, replica: Client, log: Path, garbage: bytes) -> None:
    """What came before it stays, and all data are asked for anew."""
    send_all(primary, 100)
    primary.hear()
    primary.say(request((b"SET", b"a", b"1")))
    with contextlib.suppress(OSError):
        primary.say(garbage)
    assert primary.greet() == [b"PSYNC", b"?", b"-1"]
    assert eventually(lambda: "protocol error" in reasons(log))
    assert replica.do("GET", "a").value == b"1"


def test_a_request_that_fails(primary: Primary, replica: Client, log: Path) -> None:
    """Is told, and the others go on."""
    send_all(primary)
    primary.say(request((b"NOSUCH", b"a")) + request((b"SET", b"a", b"1")))
    assert eventually(lambda: replica.do("GET", "a").value == b"1")
    assert eventually(lambda: "replication_request_failed" in log.read_text())


@pytest.mark.limits_memory
def test_a_request_for_which_there_is_no_memory(primary: Primary, replica: Client, log: Path) -> None:
    """All data are asked for anew, rather than to go on with others than the primary's."""
    resource = pytest.importorskip("resource")
    send_all(primary)
    pid = int(information(replica, "server")["process_id"])
    limit = memory_kb(pid, "VmSize") * 1024 + 100_000_000
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    primary.say(request((b"SETRANGE", b"a", b"200000000", b"x")) + request((b"SET", b"b", b"1")))
    assert primary.greet() == [b"PSYNC", b"?", b"-1"]
    assert replica.do("EXISTS", "a", "b").value == 0
    assert "replication_data_differ" in log.read_text()


def test_a_silent_primary_is_given_up(primary: Primary, replica: Client, log: Path) -> None:
    """After the time that a setting gives it."""
    replica.do("CONFIG", "SET", "repl-timeout", "1")
    primary.greet()
    primary.say(b"+FULLRESYNC %b 0\r\n" % ID)
    with contextlib.suppress(EOFError):
        primary.hear()
    primary.greet()
    assert eventually(lambda: "nothing came for too long" in reasons(log))


def test_the_replica_says_who_it_is(primary: Primary, replica: Client) -> None:
    """Its port, or what it is to announce, and what it understands."""
    replica.do("CONFIG", "SET", "replica-announce-ip", "10.1.2.3", "replica-announce-port", 77)
    replica.do("CONFIG", "SET", "primaryuser", "me", "primaryauth", "secret")
    replica.do("REPLICAOF", "NO", "ONE")
    replica.do("REPLICAOF", "127.0.0.1", primary.port)
    heard: list[list[bytes]] = []
    while [b"REPLCONF", b"ip-address", b"10.1.2.3"] not in heard:
        primary.accept()
        heard.clear()
        with contextlib.suppress(OSError, EOFError):
            while (words := primary.hear())[0] != b"PSYNC":
                heard.append(words)
                primary.say(b"-NOAUTH Authentication required.\r\n" if words == [b"PING"] else OK)
    assert heard == [
        [b"PING"],
        [b"AUTH", b"me", b"secret"],
        [b"REPLCONF", b"listening-port", b"77"],
        [b"REPLCONF", b"ip-address", b"10.1.2.3"],
        [b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"],
        [b"REPLCONF", b"version", VALKEY_VERSION.encode()],
    ]
