"""What replicas ask for, word by word, and what they are answered."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from ..support.client import Client
from ..support.needs import required_reference
from ..support.process import eventually, information, serving
from ..support.servers import running_reference
from ..support.wire import request
from .relations import OURS, address_of, position, running_make

WORDS = """
REPLCONF
REPLCONF a
REPLCONF a b
REPLCONF listening-port x
REPLCONF listening-port 5
REPLCONF ip-address 10.1.2.3
REPLCONF capa foo capa eof
REPLCONF CAPA eof listening-port 7
REPLCONF version x
REPLCONF version 9.1
REPLCONF version 9.1.1
REPLCONF rdb-only 2
REPLCONF rdb-only x
REPLCONF rdb-only 0
REPLCONF rdb-filter-only functions
REPLCONF rdb-filter-only keys
REPLCONF capa
FAILOVER x
FAILOVER
FAILOVER TO a
FAILOVER TO a x
FAILOVER TO a 1 FORCE
FAILOVER TO a 1 FORCE TIMEOUT 5
FAILOVER TIMEOUT x
FAILOVER TIMEOUT 0
FAILOVER TIMEOUT -1
FAILOVER ABORT TIMEOUT 1
FAILOVER TO a 1 TO b 2
FAILOVER FORCE TIMEOUT 1
FAILOVER ABORT
PSYNC a b
PSYNC a
SYNC a
WAIT 0 0
WAIT 1 1
""".strip().splitlines()


@pytest.fixture(scope="module")
def primary() -> Iterator[Client]:
    """A geventcache that keeps a stream."""
    with running_make(OURS) as client:
        client.do("SET", "k", "v")
        client.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 7 end)")
        begin = Raw(client)
        begin.ask("PSYNC", "?", -1)
        begin.close()
        client.do("SET", "first", 1)
        yield client


class Raw:
    """A connection as replicas have it: what comes is bytes."""

    def __init__(self, server: Client) -> None:
        self.socket = socket.create_connection(address_of(server))
        self.socket.settimeout(20)
        self.buffer = b""

    def send(self, *words: str | int) -> None:
        """Send a request."""
        self.socket.sendall(request(tuple(str(word).encode() for word in words)))

    def ask(self, *words: str | int) -> bytes:
        """Send a request; return the line that answers it."""
        self.send(*words)
        return self.line()

    def line(self) -> bytes:
        """The next line; empty ones only say that the primary is at work."""
        while True:
            while b"\n" not in self.buffer:
                self.more()
            line, _, self.buffer = self.buffer.partition(b"\n")
            if line:
                return line.rstrip(b"\r")

    def more(self) -> None:
        """Receive something."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError
        self.buffer += data

    def file(self) -> bytes:
        """The file that comes now."""
        line = self.line()
        if line.startswith(b"$EOF:"):
            mark = line[5:]
            while mark not in self.buffer:
                self.more()
            data, _, self.buffer = self.buffer.partition(mark)
            return data
        size = int(line[1:])
        while len(self.buffer) < size:
            self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def close(self) -> None:
        """Close it."""
        self.socket.close()


@pytest.fixture
def raw(primary: Client) -> Iterator[Raw]:
    """A new connection."""
    found = Raw(primary)
    yield found
    found.close()


def test_words() -> None:
    """The reference answers them in the same way."""
    binary = required_reference()
    with running_reference(binary) as address, serving() as process:
        ours, theirs = process.connect(), Client(address)
        for words in WORDS:
            assert ours.do(*words.split()) == theirs.do(*words.split()), words
        ours.close()
        theirs.close()


def test_a_file_with_a_mark(primary: Client, raw: Raw) -> None:
    """Nothing follows it until the replica has answered; then the stream does."""
    assert raw.ask("PING") == b"+PONG"
    assert raw.ask("REPLCONF", "capa", "eof", "capa", "psync2") == b"+OK"
    answer = raw.ask("PSYNC", "?", -1).split()
    facts = information(primary, "replication")
    assert answer == [b"+FULLRESYNC", facts["master_replid"].encode(), facts["master_repl_offset"].encode()]
    data = raw.file()
    assert data.startswith(b"REDIS0010")
    primary.do("SET", "k", "w")
    assert "state=send_bulk" in information(primary, "replication")["slave0"]
    assert raw.buffer == b""
    raw.send("REPLCONF", "ACK", int(answer[2]))
    assert raw.line() == b"*2"
    assert [raw.line() for _ in range(4)] == [b"$6", b"SELECT", b"$1", b"0"]
    assert [raw.line() for _ in range(7)] == [b"*3", b"$3", b"SET", b"$1", b"k", b"$1", b"w"]


def test_a_file_of_known_size(primary: Client, raw: Raw) -> None:
    """For who does not understand marks; the stream follows at once."""
    assert raw.ask("PSYNC", "?", -1).startswith(b"+FULLRESYNC ")
    assert raw.file().startswith(b"REDIS0010")
    primary.do("SET", "k", "x")
    assert raw.line() == b"*2"


def test_the_old_word_for_it(primary: Client, raw: Raw) -> None:
    """SYNC has no line before the file."""
    raw.send("SYNC")
    assert raw.file().startswith(b"REDIS0010")
    primary.do("SET", "k", "x")
    assert raw.line() == b"*2"


def test_the_file_alone(primary: Client, raw: Raw) -> None:
    """The connection is closed after it."""
    raw.ask("REPLCONF", "capa", "eof", "rdb-only", 1)
    raw.send("SYNC")
    assert b"register_function" in raw.file()
    with pytest.raises(EOFError):
        raw.more()


@pytest.mark.parametrize(("parts", "has_functions"), [("functions", True), ("", False)])
def test_parts_of_the_file(primary: Client, raw: Raw, parts: str, has_functions: bool) -> None:
    """The functions, or nothing at all."""
    raw.ask("REPLCONF", "rdb-filter-only", parts)
    assert raw.ask("PSYNC", "?", -1) == b"-ERR Filtered replica requires EOF capability"
    raw.ask("REPLCONF", "capa", "eof")
    assert raw.ask("PSYNC", "?", -1).startswith(b"+FULLRESYNC ")
    data = raw.file()
    assert (b"register_function" in data) == has_functions
    assert b"\x01k" not in data


def test_where_one_can_go_on(primary: Client) -> None:
    """From the first byte that is kept to the next one that comes; with the id for those that know of two."""
    history = information(primary, "replication")["master_replid"]
    end = position(primary)
    for first, is_kept in ((0, False), (1, True), (end, True), (end + 1, True), (end + 2, False)):
        for capability, answer in (("eof", b"+CONTINUE"), ("psync2", b"+CONTINUE " + history.encode())):
            with contextlib.closing(Raw(primary)) as raw:
                raw.ask("REPLCONF", "capa", capability)
                assert (raw.ask("PSYNC", history, first) == answer) == is_kept, (first, capability)
                if is_kept and first == 1:
                    assert raw.line() == b"*2"
    with contextlib.closing(Raw(primary)) as raw:
        assert raw.ask("PSYNC", "f" * 40, end + 1).startswith(b"+FULLRESYNC ")


def test_a_replica_asks_for_keys(primary: Client, raw: Raw) -> None:
    """It has lost its way, and is closed."""
    history = information(primary, "replication")["master_replid"]
    raw.ask("PSYNC", history, position(primary) + 1)
    raw.send("GET", "k")
    assert eventually(lambda: information(primary, "replication")["connected_slaves"] == "0")


def test_a_failover_of_others(primary: Client, raw: Raw) -> None:
    """Only who has the same history may be taken over from."""
    assert raw.ask("PSYNC", "f" * 40, 5, "FAILOVER") == b"-ERR PSYNC FAILOVER replid must match my replid."


def test_a_replica_that_does_not_read(primary: Client) -> None:
    """It is dropped when it leaves more than a setting allows; memory stays bounded, and others are served."""
    primary.do("CONFIG", "SET", "client-output-buffer-limit", "slave 4mb 0 0", "repl-backlog-size", "1mb")
    history = information(primary, "replication")["master_replid"]
    with contextlib.closing(Raw(primary)) as raw:
        raw.ask("PSYNC", history, position(primary) + 1)
        assert eventually(lambda: information(primary, "replication")["connected_slaves"] == "1")
        for _ in range(400):
            primary.do("SET", "k", "x" * 100_000)
        assert eventually(lambda: information(primary, "replication")["connected_slaves"] == "0")
        assert int(information(primary, "replication")["repl_backlog_histlen"]) < 2 << 20
    primary.do("CONFIG", "SET", "client-output-buffer-limit", "slave 256mb 64mb 60", "repl-backlog-size", "10mb")


def test_no_stream_for_who_has_no_primary() -> None:
    """A replica whose link is down has no data to give."""
    with running_make(OURS) as client:
        client.do("REPLICAOF", "127.0.0.1", 1)
        refused = b"NOMASTERLINK Can't SYNC while not connected with my master"
        assert client.do("PSYNC", "?", -1).value == refused
        assert client.do("SYNC").value == refused
