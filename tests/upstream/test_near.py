"""What is kept of the upstream, and that it is never older than promised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.client import Client
from ..support.cluster import ReferenceCluster
from ..support.process import Process, eventually, information, serving


@pytest.fixture(params=[2, 3])
def client(request: pytest.FixtureRequest, near_side: Process, near: Client) -> Iterator[Client]:
    """A client in each protocol, of an empty cluster."""
    client = near_side.connect(request.param)
    yield client
    client.close()


def figures(client: Client) -> dict[str, int]:
    """The counters of what is kept."""
    return {name: int(text) for name, text in information(client, "upstream").items() if name.startswith("near_")}


def asked(client: Client) -> int:
    """How many requests have passed to the upstream."""
    return int(information(client, "upstream")["upstream_requests"])


READS = [
    ("GET", "s"),
    ("GET", "none"),
    ("STRLEN", "s"),
    ("GETRANGE", "s", 0, 2),
    ("EXISTS", "s"),
    ("TYPE", "h"),
    ("MGET", "s", "none"),
    ("HGET", "h", "f"),
    ("HGET", "h", "none"),
    ("HGETALL", "h"),
    ("HMGET", "h", "f", "none"),
    ("LRANGE", "l", 0, -1),
    ("LINDEX", "l", 9),
    ("SMEMBERS", "set"),
    ("SISMEMBER", "set", "a"),
    ("ZSCORE", "z", "a"),
    ("ZSCORE", "z", "none"),
    ("ZMSCORE", "z", "a", "none"),
    ("XRANGE", "x", "-", "+"),
    ("PEXPIRETIME", "s"),
]


@pytest.mark.parametrize("read", READS, ids=" ".join(map(str, range(len(READS)))).split())
def test_second_read_stays_here(client: Client, cluster: ReferenceCluster, read: tuple[object, ...]) -> None:
    """It is answered as the first one was, which the upstream has answered; RESP2 cannot tell all nulls apart."""
    for request in (
        ("SET", "s", "string"),
        ("HSET", "h", "f", 1, "g", 2),
        ("RPUSH", "l", "a", "b"),
        ("SADD", "set", "a"),
        ("ZADD", "z", 1.5, "a"),
        ("XADD", "x", "1-1", "f", "v"),
    ):
        client.do(*request)
    first = client.do(*read)
    before = asked(client)
    assert client.do(*read) == first
    assert not first.is_error
    assert asked(client) == before or (read[0] == "XRANGE" and b"resp=2" in client.do("CLIENT", "INFO").value)
    if first.kind in "$:+":
        assert cluster.owner(str(read[1])).do(*read) == first.value


def test_write_elsewhere_is_heard(client: Client, cluster: ReferenceCluster) -> None:
    """What changed at the upstream is asked for again."""
    client.do("SET", "k", "old")
    assert client.do("GET", "k").value == b"old"
    cluster.owner("k").do("SET", "k", "new")
    assert eventually(lambda: client.do("GET", "k").value == b"new")
    cluster.owner("k").do("DEL", "k")
    assert eventually(lambda: client.do("GET", "k").value is None)
    cluster.owner("k").do("SET", "k", "again")
    assert eventually(lambda: client.do("GET", "k").value == b"again")
    cluster.owner("k").do("FLUSHALL")
    assert eventually(lambda: client.do("GET", "k").value is None)


def test_own_writes_are_read(client: Client) -> None:
    """In one pipeline, and by whatever command."""
    for i in range(50):
        client.send("SET", "k", i)
        client.send("GET", "k")
        client.send("APPEND", "k", "x")
        client.send("GET", "k")
        client.send("MGET", "k", "other")
    for i in range(50):
        replies = [client.receive().value for _ in range(5)]
        assert replies[1] == b"%d" % i
        assert replies[3] == replies[4][0].value == b"%dx" % i
    client.do("HSET", "h", "f", 1)
    assert client.do("HGET", "h", "f").value == b"1"
    client.do("EVAL", "return redis.call('HSET', KEYS[1], 'f', 2)", 1, "h")
    assert client.do("HGET", "h", "f").value == b"2"
    client.do("MULTI")
    client.do("HSET", "h", "f", 3)
    client.do("EXEC")
    assert client.do("HGET", "h", "f").value == b"3"
    client.do("FLUSHDB")
    assert client.do("HGET", "h", "f").value is None
    client.do("SET", "k", 1, "PX", 1)
    assert eventually(lambda: client.do("GET", "k").value is None)


def test_writes_by_others_here_are_read(client: Client, near: Client) -> None:
    """Whoever got the reply to a write knows that others here read it."""
    for i in range(100):
        client.do("GET", "k")
        near.do("SET", "k", i)
        assert client.do("GET", "k").value == b"%d" % i


def test_many_who_miss_ask_once(near_side: Process, near: Client) -> None:
    """All of them get the one reply."""
    clients = [near_side.connect(2 + i % 2) for i in range(100)]
    near.do("SET", "k", "v" * 1000)
    before = figures(near)
    pipeline = 5
    for client in clients:
        for _ in range(pipeline):
            client.send("GET", "k")
    assert all(client.receive().value == b"v" * 1000 for client in clients for _ in range(pipeline))
    after = figures(near)
    assert after["near_misses"] - before["near_misses"] <= len(clients) // 4
    answered = sum(after[name] - before[name] for name in ("near_misses", "near_hits", "near_joined"))
    assert answered == len(clients) * pipeline
    for client in clients:
        client.close()


def test_lost_connection_drops_what_came_by_it(client: Client, cluster: ReferenceCluster) -> None:
    """Nobody tells any more what changes: so nothing is known."""
    client.do("SET", "k", "old")
    client.do("GET", "k")
    member = cluster.owner("k")
    with member.connect() as direct:
        direct.send("MULTI")
        direct.send("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
        direct.send("SET", "k", "new")
        direct.do("EXEC")
        for _ in range(3):
            direct.receive()
    assert eventually(lambda: client.do("GET", "k").value == b"new")


def test_promoted_replica_tells_of_changes(client: Client, cluster: ReferenceCluster) -> None:
    """Also if it is the old primary that says who the new one is."""
    primary = cluster.owner("k")
    replica = cluster.replica_of(primary)
    try:
        for one, other in ((replica, primary), (primary, replica)):
            client.do("SET", "k", "old")
            cluster.promote(one)
            assert eventually(lambda other=other: not other.is_primary())  # type: ignore[misc]
            assert client.do("GET", "{k}:unknown").value is None
            assert client.do("GET", "k").value == b"old"
            assert client.do("STRLEN", "k").value == 3
            one.do("SET", "k", "newer")
            assert eventually(lambda: client.do("GET", "k").value == b"newer", 20)
            assert eventually(lambda: client.do("STRLEN", "k").value == 5, 20)
    finally:
        cluster.promote(primary)
        assert eventually(cluster.is_well)


def test_which_keys_are_kept(near: Client, near_side: Process) -> None:
    """near-keys and near-bypass, which may be changed while clients are served."""
    near.do("MSET", "a:1", 1, "b:1", 1)

    def is_kept(key: str) -> bool:
        near.do("GET", key)
        before = asked(near)
        near.do("GET", key)
        return asked(near) == before

    near.do("CONFIG", "SET", "near-keys", "a:* c:*")
    assert [is_kept(key) for key in ("a:1", "b:1", "c:1")] == [True, False, True]
    near.do("CONFIG", "SET", "near-bypass", "c:*")
    assert [is_kept(key) for key in ("a:1", "b:1", "c:1")] == [True, False, False]
    near.do("CONFIG", "SET", "near-keys", "", "near-bypass", "")
    assert is_kept("b:1")
    near.do("CONFIG", "SET", "near-cache", "no")
    assert not is_kept("a:1")
    near.do("CONFIG", "SET", "near-cache", "yes")
    assert is_kept("a:1")


def test_kept_later(cluster: ReferenceCluster, near: Client) -> None:
    """What is kept from when near-cache is switched on is as true as if it had been on from the beginning."""
    with serving("--upstream", cluster.url, "--near-cache", "no") as process:
        client = process.connect()
        client.do("SET", "k", "old")
        assert client.do("GET", "k").value == b"old"
        client.do("CONFIG", "SET", "near-cache", "yes")

        def is_kept() -> bool:
            before = asked(client)
            client.do("GET", "k")
            return asked(client) == before

        assert eventually(is_kept)
        cluster.owner("k").do("SET", "k", "new")
        assert eventually(lambda: client.do("GET", "k").value == b"new", 20)
        client.close()


def test_time_to_live(cluster: ReferenceCluster, near: Client) -> None:
    """A reply is kept for as long as its key lives, and no longer than the setting says."""
    with serving(
        "--upstream", cluster.url, "--near-ttl-max", "60", "--enable-debug-command", "yes", "--upstream-timeout", "9000"
    ) as process:
        client = process.connect()
        client.do("SET", "short", 1, "EX", 10)
        client.do("SET", "long", 1)

        def is_kept(key: str) -> bool:
            before = asked(client)
            client.do("GET", key)
            return asked(client) == before

        for key in ("short", "long"):
            client.do("GET", key)
            assert is_kept(key)
        client.do("GEVENTCACHE", "CLOCK", "ADVANCE", 11_000)
        assert not is_kept("short")
        assert is_kept("long")
        client.do("GEVENTCACHE", "CLOCK", "ADVANCE", 50_000)
        assert not is_kept("long")
        client.close()


def test_memory_is_bounded(cluster: ReferenceCluster, near: Client) -> None:
    """near-maxmemory with its policy."""
    with serving("--upstream", cluster.url, "--near-maxmemory", "1mb") as process:
        client = process.connect()
        for i in range(300):
            client.do("SET", f"large:{i}", "x" * 10_000)
            assert len(client.do("GET", f"large:{i}").value) == 10_000
        told = figures(client)
        assert 0 < told["near_keys"] < 150
        assert told["near_evicted"] > 100
        client.close()
