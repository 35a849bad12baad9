"""Replication beside what else there is: TLS, a journal, clients that look at links, and deaths at any moment."""

from __future__ import annotations

import contextlib
import random
import signal
from pathlib import Path

import pytest

from ..server.test_tls import Certificates
from ..support.client import Client
from ..support.process import eventually, information, running, serving
from .relations import OURS, count, follow, have_same_data, is_linked, running_make, wait_for_all

JOURNAL = ("--appendonly", "yes")


def test_a_link_over_tls(tmp_path: Path) -> None:
    """With certificates that are verified on both sides; without TLS there is no link."""
    certificates = Certificates(tmp_path)
    own = certificates.issue("server")
    files = ("--tls-cert-file", str(own), "--tls-ca-cert-file", str(certificates.authority_file))
    with (
        running("--bind", "tls:127.0.0.1:0", *files) as process,
        running_make(OURS, *files) as replica,
    ):
        assert process.address is not None
        follow(replica, ("127.0.0.1", process.address[1]))
        assert not is_linked(replica)
        replica.do("CONFIG", "SET", "tls-replication", "yes")
        assert eventually(lambda: is_linked(replica))


def test_a_replica_keeps_a_journal(tmp_path: Path) -> None:
    """Of what it has taken over, and of what came then: it is all there when it starts anew, by itself."""
    with running_make(OURS) as primary:
        for i in range(1000):
            primary.do("SET", f"key:{i}", i)
        with serving("--dir", str(tmp_path), *JOURNAL) as process:
            replica = process.connect()
            assert eventually(lambda: not replica.do("SET", "own", "v").is_error)
            follow(replica, primary)
            wait_for_all(replica, primary)
            primary.do("SELECT", 3)
            primary.do("INCR", "n")
            primary.do("MULTI")
            primary.do("INCR", "n")
            primary.do("SET", "volatile", "v", "PX", 1_000_000)
            primary.do("EXEC")
            assert primary.do("WAITAOF", 0, 1, 20_000).plain() == [0, 1]
            replica.close()
            process.end(signal.SIGKILL)
        with serving("--dir", str(tmp_path), *JOURNAL) as process:
            again = process.connect()
            assert eventually(lambda: not again.do("DBSIZE").is_error)
            assert again.do("DBSIZE").value == 1000
            again.do("SELECT", 3)
            assert again.do("GET", "n").value == b"2"
            assert again.do("PEXPIRETIME", "volatile") == primary.do("PEXPIRETIME", "volatile")
            again.close()


def test_the_link_among_the_clients() -> None:
    """It is shown, and can be cut: it comes back, and goes on."""
    with running_make(OURS) as primary, running_make(OURS) as replica:
        follow(replica, primary)
        wait_for_all(replica, primary)
        assert b" flags=M " in replica.do("CLIENT", "LIST", "TYPE", "master").value
        assert replica.do("CLIENT", "KILL", "TYPE", "primary").value == 1
        primary.do("SET", "k", "v")
        wait_for_all(replica, primary)
        assert count(primary, "sync_full") == 1


def test_a_snapshot_is_saved_while_replicas_wait(tmp_path: Path) -> None:
    """There is one image at a time; who waits is served after it, and the other way round."""
    with serving("--dir", str(tmp_path), "--enable-debug-command", "yes") as process, running_make(OURS) as replica:
        primary = process.connect()
        assert eventually(lambda: not primary.do("DEBUG", "POPULATE", 50_000).is_error)
        primary.do("BGSAVE")
        follow(replica, primary)
        wait_for_all(replica, primary)
        assert have_same_data(replica, primary)
        assert eventually(lambda: information(primary, "persistence")["rdb_bgsave_in_progress"] == "0")
        primary.close()


@pytest.mark.parametrize("is_primary", [True, False])
def test_death_at_any_moment(is_primary: bool) -> None:
    """Of the primary, while it sends its data: the replica keeps its own. Of the replica: the primary does not mind."""
    chance = random.Random(7)
    with running_make(OURS) as survivor:
        survivor.do("SET", "own", "v")
        for _ in range(4):
            with serving("--enable-debug-command", "yes") as process:
                dying = process.connect()
                primary, replica = (dying, survivor) if is_primary else (survivor, dying)
                primary.do("DEBUG", "POPULATE", 30_000)
                follow(replica, primary)
                for i in range(chance.randrange(200)):
                    primary.do("SET", f"k{i}", "v")
                process.popen.kill()
                process.popen.wait()
                dying.close()
            if is_primary:
                assert survivor.do("DBSIZE").value == 1 or survivor.do("EXISTS", "own").value == 0
                survivor.do("REPLICAOF", "NO", "ONE")
                survivor.do("FLUSHALL")
                survivor.do("SET", "own", "v")
            else:
                assert eventually(lambda: information(survivor, "replication")["connected_slaves"] == "0")
                assert survivor.do("SET", "own", "w").value == b"OK"


def test_a_script_that_runs_for_long_at_a_replica() -> None:
    """Sees the same data from its beginning to its end, also while others are let in."""
    script = """
        local before = redis.call('GET', 'k')
        local begun = os.clock()
        while os.clock() < begun + 1 do end
        return before == redis.call('GET', 'k')
    """
    with running_make(OURS) as primary, running_make(OURS, "--busy-reply-threshold", "50") as replica:
        primary.do("SET", "k", 0)
        follow(replica, primary)
        wait_for_all(replica, primary)
        with contextlib.closing(Client(replica.socket.getpeername())) as other:
            other.send("EVAL_RO", script, 0)
            assert eventually(lambda: replica.do("GET", "k").value.startswith(b"BUSY") or other.has_input())
            primary.do("SET", "k", 1)
            assert other.receive().value == 1
        wait_for_all(replica, primary)
        assert replica.do("GET", "k").value == b"1"
