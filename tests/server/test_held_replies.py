"""Replies that wait for the journal: what a turn with effects sends, to whomever, in which order; disks that fail.

The server runs in a thread of the test's process, whose disk the test stops, lets go on, and breaks.
"""

from __future__ import annotations

import contextlib
import errno
import select
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from geventcache import Server
from geventcache.persistence.journal_file import JournalFile, SyncError

from ..support.client import Client
from ..support.process import eventually, information
from ..support.wire import Reply, request

OK = Reply("+", b"OK")


class Disk:
    """What a journal is written to, while it does as it is told.

    Attributes:
        is_free: writes and syncs go through; else they wait.
        failure: what they raise, None if they succeed; failing: which of them, "append" or "sync".
        writes, syncs: how many there were.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_free = threading.Event()
        self.is_free.set()
        self.failure: OSError | None = None
        self.failing = "append"
        self.writes = self.syncs = 0
        self.waiting = threading.Event()
        append, sync = JournalFile.append, JournalFile.sync

        def slow_append(file: JournalFile, data: bytes, syncs: bool) -> None:
            self.writes += 1
            self.wait()
            if self.failure is not None and self.failing == "append":
                raise self.failure
            append(file, data, syncs)

        def slow_sync(file: JournalFile) -> None:
            self.syncs += 1
            self.wait()
            if self.failure is not None and self.failing == "sync":
                raise SyncError(*self.failure.args)
            sync(file)

        monkeypatch.setattr(JournalFile, "append", slow_append)
        monkeypatch.setattr(JournalFile, "sync", slow_sync)

    def wait(self) -> None:
        """Wait until the disk may go on."""
        self.waiting.set()
        self.is_free.wait()

    def stop(self) -> None:
        """Let nothing through from now on."""
        self.waiting.clear()
        self.is_free.clear()

    def go_on(self) -> None:
        """Let all through."""
        self.is_free.set()

    def fail(self, failing: str = "append") -> None:
        """Fail from now on."""
        self.failing = failing
        self.failure = OSError(errno.ENOSPC, "No space left on device")

    def heal(self) -> None:
        """Work again."""
        self.failure = None


Connect = Callable[..., Client]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk."""
    disk = Disk(monkeypatch)
    yield disk
    disk.heal()
    disk.go_on()


@pytest.fixture
def server(tmp_path: Path, disk: Disk) -> Iterator[Server]:
    """A server that answers a change when it is on the disk."""
    with Server(thread=True, dir=tmp_path, appendonly=True, appendfsync="always") as server:
        yield server
        disk.heal()
        disk.go_on()


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    """Open connections to it."""
    opened: list[Client] = []

    def open_one(protocol: int = 2) -> Client:
        opened.append(Client(("127.0.0.1", server.port), protocol))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


def reloaded(tmp_path: Path, *request: Any) -> Any:
    """What a second server answers that loads what is on the disk now."""
    copy = tmp_path / "copy"
    (copy / "appendonlydir").mkdir(parents=True)
    for path in (tmp_path / "appendonlydir").iterdir():
        (copy / "appendonlydir" / path.name).write_bytes(path.read_bytes())
    with Server(thread=True, dir=copy, appendonly=True) as server:
        client = Client(("127.0.0.1", server.port))
        assert eventually(lambda: not client.do("DBSIZE").is_error)
        return client.do(*request).plain()


def pipeline(*lines: str) -> bytes:
    """Requests, a line each."""
    return b"".join(request(tuple(word.encode() for word in line.split(" "))) for line in lines)


# Requests of one client whose replies must wait, and the replies.
CHANGES: list[tuple[str, list[str]]] = [
    ("SET k v", ["+OK"]),
    ("SET k v\nGET k\nINCR n\nPING", ["+OK", "$v", ":1", "+PONG"]),
    ("GET k\nSET k v", ["$None", "+OK"]),
    ("MULTI\nSET k v\nINCR n\nEXEC", ["+OK", "+QUEUED", "+QUEUED", "*[+OK, :1]"]),
    ("EVAL redis.call('SET','k','v') 0\nGET k", ["$None", "$v"]),
    ("SET k v PX 1\nQUIT", ["+OK", "+OK"]),
]


@pytest.mark.parametrize(("script", "replies"), CHANGES)
def test_the_replies_of_a_turn_wait(connect: Connect, disk: Disk, script: str, replies: list[str]) -> None:
    """Whoever changes something hears nothing before it is on the disk, and then all in its order."""
    client, other = connect(), connect()
    disk.stop()
    client.send_bytes(pipeline(*script.split("\n")))
    assert disk.waiting.wait(10)
    for _ in range(5):
        assert other.do("PING") == Reply("+", b"PONG")
        assert not client.has_input()
    disk.go_on()
    assert [str(client.receive()) for _ in replies] == replies


def test_others_are_served_meanwhile(connect: Connect, disk: Disk) -> None:
    """Who reads waits for nobody; who writes next shares the next write and the next sync with all others."""
    first, others, reader = connect(), [connect() for _ in range(10)], connect()
    reader.do("SET", "k", "v")
    disk.stop()
    first.send("INCR", "n")
    assert disk.waiting.wait(10)
    writes, syncs = disk.writes, disk.syncs
    for client in others:
        client.send("INCR", "n")
    assert eventually(lambda: reader.do("GET", "n").value == b"11")
    assert not any(client.has_input() for client in (first, *others))
    disk.go_on()
    assert {client.receive().value for client in (first, *others)} == set(range(1, 12))
    assert (disk.writes - writes, disk.syncs - syncs) == (1, 2)


def test_later_replies_wait_behind_earlier_ones(connect: Connect, disk: Disk) -> None:
    """What a client asks after its change is answered after that, though it changes nothing."""
    client, other = connect(), connect()
    disk.stop()
    client.send("SET", "k", "v")
    assert disk.waiting.wait(10)
    client.send("GET", "k")
    assert eventually(lambda: b"cmdstat_get" in other.do("INFO", "commandstats").value)
    client.send("APPEND", "k", "w")
    client.send("GET", "k")
    assert eventually(lambda: other.do("GET", "k").value == b"vw")
    assert not client.has_input()
    disk.go_on()
    assert [str(client.receive()) for _ in range(4)] == ["+OK", "$v", ":2", "$vw"]


def test_what_others_get_of_a_turn_waits(connect: Connect, disk: Disk) -> None:
    """Who blocked and is served, who subscribed and is told, whose copy is out of date: none of them hears too soon."""
    blocked, subscriber, tracker, client, other = connect(), connect(), connect(3), connect(), connect()
    other.do("CONFIG", "SET", "notify-keyspace-events", "KEA")
    tracker.do("CLIENT", "TRACKING", "ON")
    tracker.do("GET", "k")
    subscriber.do("PSUBSCRIBE", "*")
    blocked.send("BLPOP", "list", 0)
    assert eventually(lambda: information(other, "clients")["blocked_clients"] == "1")
    disk.stop()
    client.send_bytes(pipeline("SET k v", "PUBLISH ch m", "RPUSH list a"))
    assert disk.waiting.wait(10)
    assert eventually(lambda: other.do("LLEN", "list").value == 0 and other.do("EXISTS", "k").value == 1)
    assert not any(one.has_input() for one in (blocked, subscriber, tracker, client))
    other.send("PUBLISH", "ch", "later")  # no effect, but for the subscriber it comes after what it has not got yet
    assert other.receive() == Reply(":", 1)
    assert not subscriber.has_input()
    disk.go_on()
    assert blocked.receive().plain() == [b"list", b"a"]
    assert tracker.receive().plain() == [b"invalidate", [b"k"]]
    assert [str(client.receive()) for _ in range(3)] == ["+OK", ":1", ":1"]
    messages = [subscriber.receive().plain()[-1] for _ in range(10)]
    assert messages.index(b"m") < messages.index(b"later")
    assert b"set" in messages[: messages.index(b"m")]


def test_replies_are_delivered_to_who_leaves(connect: Connect, disk: Disk) -> None:
    """Who has said all that it had to say, or something wrong, still gets the answers that are held."""
    silent, wrong, other = connect(), connect(), connect()
    disk.stop()
    silent.send("SET", "a", "v")
    assert disk.waiting.wait(10)
    silent.socket.shutdown(1)
    wrong.send_bytes(request((b"SET", b"b", b"v")) + b"*1\r\n:1\r\n")
    assert eventually(lambda: other.do("EXISTS", "b").value == 1)
    assert not silent.has_input()
    disk.go_on()
    assert silent.receive() == OK
    assert wrong.receive() == OK
    assert wrong.receive().value.startswith(b"ERR Protocol error")
    for client in (silent, wrong):
        with pytest.raises((EOFError, ConnectionError)):
            client.receive()


def test_nobody_waits_for_the_sync_of_a_second(connect: Connect, disk: Disk) -> None:
    """With `everysec` a sync that takes its time holds up no reply for two seconds; a write does."""
    client, other = connect(), connect()
    client.do("CONFIG", "SET", "appendfsync", "everysec")
    client.do("SET", "k", "v")
    disk.stop()
    assert disk.waiting.wait(10)  # the sync of this second
    assert client.do("INCR", "n").value == 1
    assert information(other, "persistence")["aof_pending_bio_fsync"] == "1"
    replies = 1

    def is_held() -> bool:
        nonlocal replies
        client.send("INCR", "n")
        replies += 1
        is_answered = select.select([client.socket], [], [], 1)[0]
        return not (is_answered and client.receive().value)

    assert eventually(is_held, 20)
    disk.go_on()
    assert client.receive().value == replies
    assert eventually(lambda: information(other, "persistence")["aof_delayed_fsync"] == "1")


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_a_full_disk(connect: Connect, disk: Disk, tmp_path: Path, policy: str) -> None:
    """Nothing is acknowledged that is not written; reads go on; changes are refused, until the disk has room again."""
    client, other = connect(), connect()
    client.do("CONFIG", "SET", "appendfsync", policy)
    client.do("SET", "kept", "v")
    disk.fail()
    client.send("SET", "held", "v")
    assert eventually(lambda: information(other, "persistence")["aof_last_write_status"] == "err")
    for words in (("SET", "k", "v"), ("PING",)):
        assert other.do(*words).value == b"MISCONF Errors writing to the AOF file: No space left on device"
    assert other.do("GET", "kept").value == b"v"
    assert not client.has_input()
    assert reloaded(tmp_path, "MGET", "kept", "held", "k") == [b"v", None, None]
    disk.heal()
    assert client.receive() == OK
    assert eventually(lambda: other.do("SET", "k", "v") == OK)
    assert information(other, "persistence")["aof_last_write_status"] == "ok"


def test_a_sync_that_fails(connect: Connect, disk: Disk, tmp_path: Path) -> None:
    """What the system has forgotten is written anew: the replies that waited for it come after that."""
    client, other = connect(), connect()
    client.do("SET", "kept", "v")
    disk.fail("sync")
    client.send("INCR", "n")
    assert eventually(lambda: information(other, "persistence")["aof_last_write_status"] == "err")
    assert other.do("INCR", "n").value.startswith(b"MISCONF ")
    assert not client.has_input()
    disk.heal()
    assert client.receive().value == 1
    assert eventually(lambda: not other.do("INCR", "n").is_error)
    assert eventually(lambda: information(other, "persistence")["aof_rewrites"] != "0")
    (tmp_path / "appendonlydir" / "appendonly.aof.1.incr.aof").unlink(missing_ok=True)
    assert reloaded(tmp_path, "GET", "n") == b"2"


def test_a_disk_that_stays_full_lets_the_server_stop(connect: Connect, disk: Disk, server: Server) -> None:
    """Who waits for a reply hears nothing: it was not written."""
    client, other = connect(), connect()
    disk.fail()
    client.send("SET", "k", "v")
    assert eventually(lambda: information(other, "persistence")["aof_last_write_status"] == "err")
    server.stop()
    with pytest.raises((EOFError, ConnectionError)):
        client.receive()


def test_turning_it_off_lets_all_go_on(connect: Connect, disk: Disk) -> None:
    """An operator who cannot get room may give up the journal."""
    client, other = connect(), connect()
    disk.fail()
    client.send("SET", "k", "v")
    assert eventually(lambda: information(other, "persistence")["aof_last_write_status"] == "err")
    assert other.do("CONFIG", "SET", "appendonly", "no") == OK
    assert client.receive() == OK
    assert other.do("SET", "k", "w") == OK


def test_who_writes_faster_than_the_disk_is_not_read_from(
    connect: Connect, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for the disk takes no more memory than a limit and what was read at once."""
    monkeypatch.setattr("geventcache.server.journal_writer.MOST_WAITING", 1 << 20)
    client, other = connect(), connect()
    disk.stop()
    data = request((b"SET", b"k", b"x" * 10_000)) * 50
    client.socket.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 100 << 20:
            sent += client.socket.send(data)
    assert sent < 100 << 20
    assert int(information(other, "persistence")["aof_buffer_length"]) < 16 << 20
    disk.go_on()
    client.socket.settimeout(10)
    for _ in range(sent // len(request((b"SET", b"k", b"x" * 10_000)))):
        assert client.receive() == OK


def test_what_is_on_the_disk_is_all_that_was_acknowledged(connect: Connect, tmp_path: Path) -> None:
    """The last reply that came is the last change that is there."""
    client = connect()
    for i in range(50):
        client.do("SET", "n", i)
    assert reloaded(tmp_path, "GET", "n") == b"49"
