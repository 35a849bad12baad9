"""A shutdown waits for replicas that lag, of geventcache as of the reference."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ..support.client import Client
from ..support.process import eventually, information
from .relations import OURS, address_of, follow, makes, running_make, wait_for_all

VALKEY = "valkey 9.1"
PRIMARIES = [make for make in (VALKEY, OURS) if make in makes()]
LONG_S = 600
FAILED = b"ERR Errors trying to SHUTDOWN. Check logs."
LATE = b"late"


class Pair(NamedTuple):
    """A primary and its replica, which is frozen and lacks a write."""

    primary: Client
    replica: Client
    replica_pid: int

    def connect(self) -> Client:
        """Another connection to the primary."""
        return Client(address_of(self.primary))

    def thaw(self) -> None:
        """Let the replica go on."""
        os.kill(self.replica_pid, signal.SIGCONT)

    def is_waiting(self) -> bool:
        """The primary says that it is about to end."""
        return "shutdown_in_milliseconds" in information(self.primary, "server")


@contextlib.contextmanager
def lagging_pair(make: str, *options: str) -> Iterator[Pair]:
    """Run a primary of a make with a replica that is frozen."""
    with (
        running_make(make, "--shutdown-timeout", str(LONG_S), *options) as primary,
        running_make(OURS) as replica,
    ):
        follow(replica, primary)
        wait_for_all(replica, primary)
        pid = int(information(replica, "server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            primary.do("SET", LATE, 1)
            yield Pair(primary, replica, pid)
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module", params=PRIMARIES)
def shared_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A pair that outlives its shutdowns."""
    with lagging_pair(request.param) as pair:
        yield pair


def test_clients_meanwhile(shared_pair: Pair) -> None:
    """Who reads is served, who writes waits, whatever CLIENT UNPAUSE says; ABORT tells who asked, and writes go on."""
    pair, primary = shared_pair, shared_pair.primary
    with (
        contextlib.closing(pair.connect()) as asking,
        contextlib.closing(pair.connect()) as too,
        contextlib.closing(pair.connect()) as writing,
    ):
        asking.send("SHUTDOWN", "NOSAVE")
        assert eventually(pair.is_waiting)
        too.send("SHUTDOWN")
        assert eventually(lambda: information(primary, "clients")["blocked_clients"] == "2")
        assert primary.do("GET", LATE).value == b"1"
        assert primary.do("CLIENT", "PAUSE", 1, "ALL").value == b"OK"
        assert primary.do("CLIENT", "UNPAUSE").value == b"OK"
        writing.send("INCR", "number")
        assert eventually(lambda: information(primary, "clients")["blocked_clients"] == "3")
        assert information(primary, "clients")["paused_reason"] == "shutdown_in_progress"
        assert information(primary, "clients")["paused_actions"] == "write"
        identity = next(line for line in primary.do("CLIENT", "LIST").value.split(b"\n") if b"cmd=shutdown" in line)
        assert primary.do("CLIENT", "UNBLOCK", identity.split()[0].removeprefix(b"id=")).value == 0
        assert not asking.has_input()
        assert not too.has_input()
        assert not writing.has_input()
        assert primary.do("SHUTDOWN", "ABORT").value == b"OK"
        assert (asking.receive().value, too.receive().value) == (FAILED, FAILED)
        assert writing.receive().value == 1
        assert primary.do("SHUTDOWN", "ABORT").value == b"ERR No shutdown in progress."
        assert not pair.is_waiting()


def test_a_client_that_leaves_does_not_abort_it(shared_pair: Pair) -> None:
    """Nor one that is killed."""
    asking = shared_pair.connect()
    asking.send("SHUTDOWN")
    assert eventually(shared_pair.is_waiting)
    asking.close()
    assert eventually(lambda: information(shared_pair.primary, "clients")["blocked_clients"] == "0")
    assert shared_pair.is_waiting()
    assert shared_pair.primary.do("SHUTDOWN", "ABORT").value == b"OK"


@pytest.mark.parametrize("make", PRIMARIES)
def test_it_ends_as_soon_as_the_replica_has_all(make: str) -> None:
    """What was written before is there; what waited was not answered, and is nowhere."""
    with lagging_pair(make) as pair, contextlib.closing(pair.connect()) as writing:
        with contextlib.closing(pair.connect()) as asking:
            asking.send("SHUTDOWN")
            assert eventually(pair.is_waiting)
            writing.send("SET", "never", 1)
            pair.thaw()
            assert asking.is_closed()
            assert writing.is_closed()
        assert eventually(lambda: pair.replica.do("GET", LATE).value == b"1")
        assert pair.replica.do("EXISTS", "never").value == 0


def by_now(pair: Pair) -> None:
    """SHUTDOWN NOW."""
    pair.primary.send("SHUTDOWN", "NOW")


def by_no_time(pair: Pair) -> None:
    """There is no time to wait."""
    pair.primary.do("CONFIG", "SET", "shutdown-timeout", 0)
    pair.primary.send("SHUTDOWN")


def by_time(pair: Pair) -> None:
    """The time passes."""
    pair.primary.do("CONFIG", "SET", "shutdown-timeout", 1)
    pair.primary.send("SHUTDOWN")


@pytest.mark.parametrize("end", [by_now, by_no_time, by_time])
@pytest.mark.parametrize("make", PRIMARIES)
def test_it_ends_without_the_replica(make: str, end: Callable[[Pair], None]) -> None:
    """If that is said, or when the time is over."""
    with lagging_pair(make) as pair:
        end(pair)
        assert pair.primary.is_closed()


def test_now_ends_the_wait() -> None:
    """Of others; with the reference it waits along."""
    with lagging_pair(OURS) as pair, contextlib.closing(pair.connect()) as asking:
        asking.send("SHUTDOWN")
        assert eventually(pair.is_waiting)
        by_now(pair)
        assert asking.is_closed()
        assert pair.primary.is_closed()


@pytest.mark.parametrize("make", PRIMARIES)
def test_a_signal_waits(make: str) -> None:
    """SIGTERM does as SHUTDOWN; ABORT is for it as well."""
    with lagging_pair(make) as pair:
        pid = int(information(pair.primary, "server")["process_id"])
        os.kill(pid, signal.SIGTERM)
        assert eventually(pair.is_waiting)
        assert pair.primary.do("SHUTDOWN", "ABORT").value == b"OK"
        assert pair.primary.do("INCR", "number").value == 1
        os.kill(pid, signal.SIGTERM)
        assert eventually(pair.is_waiting)
        pair.thaw()
        assert pair.primary.is_closed()
        assert eventually(lambda: pair.replica.do("GET", "number").value == b"1")


def test_sigquit_waits_for_nobody() -> None:
    """Even if replicas are waited for already."""
    with lagging_pair(OURS) as pair:
        pid = int(information(pair.primary, "server")["process_id"])
        os.kill(pid, signal.SIGTERM)
        assert eventually(pair.is_waiting)
        os.kill(pid, signal.SIGQUIT)
        assert pair.primary.is_closed()


@pytest.mark.parametrize("make", PRIMARIES)
def test_a_save_that_fails_afterwards(make: str, tmp_path: Path) -> None:
    """The server stays, and writes go on."""
    with lagging_pair(make, "--dir", str(tmp_path)) as pair, contextlib.closing(pair.connect()) as asking:
        (tmp_path / "dump.rdb" / "in the way").mkdir(parents=True)
        pair.primary.do("CONFIG", "SET", "shutdown-timeout", 1)
        asking.send("SHUTDOWN", "SAVE")
        assert asking.receive().value == FAILED
        assert pair.primary.do("INCR", "number").value == 1


@pytest.mark.parametrize("make", PRIMARIES)
def test_a_save_that_fails_afterwards_and_does_not_matter(make: str, tmp_path: Path) -> None:
    """With FORCE the server ends all the same."""
    with lagging_pair(make, "--dir", str(tmp_path)) as pair:
        (tmp_path / "dump.rdb" / "in the way").mkdir(parents=True)
        pair.primary.do("CONFIG", "SET", "shutdown-timeout", 1)
        pair.primary.send("SHUTDOWN", "SAVE", "FORCE")
        assert pair.primary.is_closed()
