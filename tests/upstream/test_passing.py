"""Requests that pass to a cluster by a near side of it: whole ones, split ones, transactions, those that wait."""

from __future__ import annotations

import pytest

from ..support.client import Client
from ..support.cluster import ReferenceCluster
from ..support.process import Process, eventually, information, serving
from ..support.servers import reference_binary, running_reference
from ..support.wire import Reply

KEYS = [f"key:{i}" for i in range(200)]


@pytest.fixture(params=[2, 3])
def client(request: pytest.FixtureRequest, near_side: Process, near: Client) -> Client:
    """A client in each protocol, of an empty cluster."""
    return near_side.connect(request.param)


def test_replies_are_the_servers_own(client: Client) -> None:
    """Statuses, numbers, strings, nulls, errors and nested arrays come as they are."""
    assert client.do("SET", "k", "OK") == Reply("+", b"OK")
    assert client.do("GET", "k") == Reply("$", b"OK")
    assert client.do("SET", "k", "1", "GET") == Reply("$", b"OK")
    assert client.do("INCR", "k").value == 2
    assert client.do("LPUSH", "k", "x").value.startswith(b"WRONGTYPE")
    assert client.do("SET", "k").value.startswith(b"ERR wrong number of arguments")
    assert client.do("SET", "k", "v", "EX").value == b"ERR syntax error"
    assert client.do("EVAL", "return {1, {'a', false}, redis.status_reply('FINE')}", 0).value[2] == Reply("+", b"FINE")


def test_pipeline_keeps_its_order(client: Client) -> None:
    """Over all nodes, with requests between that are answered here."""
    for i, key in enumerate(KEYS):
        client.send("SET", key, i)
        client.send("ECHO", f"e{i}")
        client.send("GET", key)
        client.send("NOSUCH")
    for i in range(len(KEYS)):
        replies = [client.receive() for _ in range(4)]
        assert [reply.value for reply in replies[:3]] == [b"OK", b"e%d" % i, b"%d" % i]
        assert replies[3].is_error


def test_requests_over_all_slots(client: Client) -> None:
    """MSET, MGET, EXISTS, TOUCH, UNLINK and DEL are split and put together."""
    assert client.do("MSET", *(word for key in KEYS for word in (key, f"v{key}"))).value == b"OK"
    found = client.do("MGET", *KEYS, "none").value
    assert [reply.value for reply in found] == [*(f"v{key}".encode() for key in KEYS), None]
    assert client.do("EXISTS", *KEYS, KEYS[0]).value == len(KEYS) + 1
    assert client.do("TOUCH", *KEYS).value == len(KEYS)
    assert client.do("DBSIZE").value == len(KEYS)
    assert {reply.value for reply in client.do("KEYS", "*").value} == {key.encode() for key in KEYS}
    assert client.do("RANDOMKEY").value.decode() in KEYS
    assert client.do("UNLINK", *KEYS[:50]).value == 50
    assert client.do("DEL", *KEYS).value == 150
    assert client.do("RANDOMKEY").value is None


def test_split_requests_are_checked(client: Client) -> None:
    """What would be done by half is refused."""
    assert client.do("MSET", "a", 1, "b").value.startswith(b"ERR wrong number of arguments")
    assert client.do("MSETEX", 2, "a", 1, "b", 2, "EX", 100).value == 1
    assert client.do("TTL", "b").value > 90
    assert client.do("MSETEX", 2, "a", 2, "b").value == b"ERR syntax error"
    assert client.do("GET", "a").value == b"1"
    assert client.do("MSETEX", 2, "a", 1, "b", 2, "NX").value.startswith(b"CROSSSLOT")
    assert client.do("MSETNX", "a", 1, "b", 2).value.startswith(b"CROSSSLOT")
    assert client.do("SINTER", "a", "b").value.startswith(b"CROSSSLOT")


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_scan_walks_all_nodes(client: Client, count: int) -> None:
    """Every key comes once, and the walk ends."""
    client.do("MSET", *(word for key in KEYS for word in (key, 1)))
    found: list[bytes] = []
    cursor = b"0"
    while True:
        cursor, keys = (reply.value for reply in client.do("SCAN", cursor, "COUNT", count).value)
        found += [reply.value for reply in keys]
        if cursor == b"0":
            break
    assert sorted(found) == sorted(key.encode() for key in KEYS)


@pytest.mark.parametrize("cursor", ["x", "-1", pytest.param("1" * 5000, id="long")])
def test_scan_refuses_what_is_no_cursor(client: Client, cursor: str) -> None:
    """As a server does that has the data itself."""
    assert client.do("SCAN", cursor).value == b"ERR invalid cursor"


def test_transaction_belongs_to_its_keys(client: Client) -> None:
    """It is sent as a whole; keys of several slots are refused; an error of one request is that of one."""
    client.do("MULTI")
    for request in (("SET", "{t}a", 1), ("LPUSH", "{t}a", 1), ("PING",), ("INCR", "{t}a")):
        assert client.do(*request).value == b"QUEUED"
    values = [reply.value for reply in client.do("EXEC").value]
    assert values[0] == b"OK"
    assert values[1].startswith(b"WRONGTYPE")
    assert values[2:] == [b"PONG", 2]
    client.do("MULTI")
    client.do("SET", "a", 1)
    client.do("SET", "b", 1)
    assert client.do("EXEC").value.startswith(b"CROSSSLOT")
    client.do("MULTI")
    assert client.do("FLUSHALL").value == b"QUEUED"
    assert b"concerns all nodes" in client.do("EXEC").value
    client.do("MULTI")
    assert client.do("WAIT", 0, 0).value.startswith(b"ERR 'wait' is not available")
    assert client.do("EXEC").value.startswith(b"EXECABORT")
    client.do("MULTI")
    client.do("SET", "a", 1)
    assert client.do("DISCARD").value == b"OK"
    assert client.do("GET", "a").value is None


def test_split_transaction(cluster: ReferenceCluster, near: Client) -> None:
    """A transaction a slot, if the setting says so; replies in the order of the requests; never with WATCH."""
    with serving("--upstream", cluster.url, "--upstream-split-transactions", "yes") as process:
        client = process.connect()
        client.do("MULTI")
        for i, key in enumerate(KEYS[:20]):
            client.do("SET", key, i)
            client.do("PING")
            client.do("INCR", key)
        values = [item.value for item in client.do("EXEC").value]
        assert values == [value for i in range(20) for value in (b"OK", b"PONG", i + 1)]
        client.do("WATCH", KEYS[0])
        client.do("MULTI")
        for key in KEYS[:2]:
            client.do("SET", key, "x")
        assert client.do("EXEC").value.startswith(b"CROSSSLOT")
        client.close()


def test_watch(client: Client, near: Client) -> None:
    """A transaction runs unless somebody has changed what it watches, however long ago it was read here."""
    client.do("SET", "k", 1)
    client.do("GET", "k")
    assert client.do("WATCH", "k").value == b"OK"
    assert client.do("GET", "k").value == b"1"
    near.do("SET", "k", 5)
    client.do("MULTI")
    client.do("INCR", "k")
    assert client.do("EXEC").value is None
    client.do("WATCH", "k")
    client.do("MULTI")
    client.do("INCR", "k")
    assert [reply.value for reply in client.do("EXEC").value] == [6]
    client.do("WATCH", "k")
    near.do("SET", "k", 7)
    client.do("UNWATCH")
    client.do("MULTI")
    client.do("INCR", "k")
    assert [reply.value for reply in client.do("EXEC").value] == [8]


def test_pipeline_around_watched_transactions(client: Client, near: Client) -> None:
    """What stands before, between and after gets its replies, in order, and sees what the transaction did."""
    client.do("SET", "k", 0)
    rounds = 20
    for _ in range(rounds):
        for request in (
            ("WATCH", "k"),
            ("GET", "k"),
            ("MULTI",),
            ("INCR", "k"),
            ("EXEC",),
            ("GET", "k"),
            ("SET", "other", 1),
            ("WATCH", "k"),
            ("GET", "k"),
            ("MULTI",),
            ("SET", "k", 1),
            ("SET", "elsewhere", 1),
            ("EXEC",),
            ("GET", "k"),
            ("WATCH", "k"),
            ("GET", "k"),
            ("UNWATCH",),
            ("GET", "k"),
        ):
            client.send(*request)
    for i in range(rounds):
        values = [client.receive().value for _ in range(18)]
        number = b"%d" % (i + 1)
        assert values[1] == b"%d" % i
        assert [item.value for item in values[4]] == [i + 1]
        assert [values[at] for at in (5, 8, 13, 15, 17)] == [number] * 5
        assert values[12].startswith(b"CROSSSLOT")
    client.send("WATCH", "k")
    client.send("GET", "k")
    client.send("RESET")
    assert [client.receive().value for _ in range(3)] == [b"OK", b"%d" % rounds, b"RESET"]


def test_waiting_client_waits_alone(client: Client, near: Client) -> None:
    """BLPOP waits without anybody else; it is served, and so is what the client sent behind it."""
    client.send("GET", "a")
    client.send("BLPOP", "l", 0)
    client.send("PING")
    assert client.receive().value is None
    for i in range(20):
        assert near.do("SET", "other", i).value == b"OK"
    assert not client.has_input()
    near.do("RPUSH", "l", "x", "y")
    assert [reply.value for reply in client.receive().value] == [b"l", b"x"]
    assert client.receive().value == b"PONG"
    assert near.do("LRANGE", "l", 0, -1).value[0].value == b"y"
    assert client.do("BLPOP", "none", 0.01).value is None
    assert client.do("XREAD", "BLOCK", 10, "STREAMS", "s", "$").value is None


def test_client_that_leaves_takes_nothing_with_it(near_side: Process, near: Client, cluster: ReferenceCluster) -> None:
    """A client that waits and goes is not served any more: what comes is for the others."""

    def blocked() -> int:
        return sum(
            int(line.split(b":")[1])
            for member in cluster.primaries
            for line in member.do("INFO", "clients").splitlines()  # type: ignore[attr-defined]
            if line.startswith(b"blocked_clients")
        )

    waiting = near_side.connect()
    waiting.send("BLPOP", "l", 0)
    assert eventually(lambda: blocked() == 1)
    waiting.close()
    assert eventually(lambda: blocked() == 0)
    near.do("RPUSH", "l", "x")
    assert near.do("LLEN", "l").value == 1
    waiting = near_side.connect()
    waiting.send("CLIENT", "ID")
    number = waiting.receive().value
    waiting.send("BLPOP", "none", 0)
    assert eventually(lambda: blocked() == 1)
    assert near.do("CLIENT", "UNBLOCK", number).value == 1
    assert waiting.receive().value is None
    assert eventually(lambda: blocked() == 0)
    waiting.close()


def test_databases(client: Client) -> None:
    """Those that the upstream has; each is a keyspace of its own."""
    client.do("SET", "k", "zero")
    client.send("SELECT", 1)
    client.send("SET", "k", "one")
    client.send("SELECT", 0)
    client.send("GET", "k")
    client.send("SELECT", 1)
    client.send("GET", "k")
    assert [client.receive().value for _ in range(6)] == [b"OK", b"OK", b"OK", b"zero", b"OK", b"one"]
    assert client.do("SELECT", 9).value == b"ERR DB index is out of range"
    assert client.do("GET", "k").value == b"one"
    assert client.do("DBSIZE").value == 1


def test_messages(near_side: Process, near: Client, cluster: ReferenceCluster) -> None:
    """Channels, patterns and shard channels, whoever publishes."""
    one, two = near_side.connect(3), near_side.connect(2)
    one.send("SUBSCRIBE", "news", "more")
    assert [one.receive().value[1].value for _ in range(2)] == [b"news", b"more"]
    two.send("PSUBSCRIBE", "n*")
    assert two.receive().value[2].value == 1
    assert near.do("PUBLISH", "news", "hello").value >= 1
    assert [item.value for item in one.receive().value] == [b"message", b"news", b"hello"]
    assert [item.value for item in two.receive().value] == [b"pmessage", b"n*", b"news", b"hello"]
    cluster.primaries[2].do("PUBLISH", "news", "from elsewhere")
    assert one.receive().value[2].value == b"from elsewhere"
    assert two.receive().value[3].value == b"from elsewhere"
    one.send("SSUBSCRIBE", "shard")
    assert one.receive().value[0].value == b"ssubscribe"
    assert near.do("SPUBLISH", "shard", "x").value == 1
    assert [item.value for item in one.receive().value] == [b"smessage", b"shard", b"x"]
    two.send("PUNSUBSCRIBE")
    assert two.receive().value[0].value == b"punsubscribe"
    assert eventually(lambda: not any(member.do("PUBSUB", "NUMPAT") for member in cluster.primaries))
    one.close()
    two.close()


def test_events_of_keys_come_from_all_nodes(near_side: Process, near: Client, cluster: ReferenceCluster) -> None:
    """Each key's node tells; whoever subscribes here hears of all, once."""
    for member in cluster.primaries:
        member.do("CONFIG", "SET", "notify-keyspace-events", "KEA")
    listener = near_side.connect()
    listener.send("PSUBSCRIBE", "__keyevent@0__:*")
    listener.receive()
    for key in KEYS[:30]:
        near.do("SET", key, 1)
    heard = [listener.receive().value for _ in KEYS[:30]]
    assert {items[3].value for items in heard} == {key.encode() for key in KEYS[:30]}
    assert not listener.has_input()
    listener.close()
    for member in cluster.primaries:
        member.do("CONFIG", "SET", "notify-keyspace-events", "")
    assert b"published by the upstream" in near.do("CONFIG", "SET", "notify-keyspace-events", "KEA").value


def test_scripts(client: Client) -> None:
    """They run where their keys are; SCRIPT LOAD and FUNCTION LOAD concern all nodes."""
    sha = client.do("SCRIPT", "LOAD", "return redis.call('INCR', KEYS[1])").value
    assert [client.do("EVALSHA", sha, 1, key).value for key in KEYS[:20]] == [1] * 20
    assert client.do("SCRIPT", "EXISTS", sha, "f" * 40).value == (Reply(":", 1), Reply(":", 0))
    assert client.do("EVALSHA", sha, 2, "a", "b").value.startswith(b"CROSSSLOT")
    code = "#!lua name=lib\nserver.register_function('f', function(keys) return server.call('GET', keys[1]) end)"
    assert client.do("FUNCTION", "LOAD", "REPLACE", code).value == b"lib"
    assert [client.do("FCALL", "f", 1, key).value for key in KEYS[:20]] == [b"1"] * 20
    assert client.do("FUNCTION", "STATS").value
    assert client.do("FUNCTION", "FLUSH").value == b"OK"
    assert client.do("SCRIPT", "KILL").value.startswith(b"NOTBUSY")


def test_slot_that_has_moved(client: Client, cluster: ReferenceCluster) -> None:
    """MOVED is followed, and the map is right from then on; reads are kept again when all members know of the move."""

    def is_kept() -> bool:
        before = int(information(client, "upstream")["near_hits"])
        assert client.do("GET", "wanderer").value == b"2"
        return int(information(client, "upstream")["near_hits"]) == before + 1

    slot = cluster.primaries[0].do("CLUSTER", "KEYSLOT", "wanderer")
    source = cluster.owner("wanderer")
    target = next(member for member in cluster.primaries if member is not source)
    client.do("SET", "wanderer", 1)
    assert client.do("GET", "wanderer").value == b"1"
    cluster.move_slot(int(slot), source, target)  # type: ignore[call-overload]
    assert client.do("INCR", "wanderer").value == 2
    for way in ((target, source), ()):
        assert eventually(is_kept)
        if way:
            cluster.move_slot(int(slot), *way)  # type: ignore[call-overload]
    assert client.do("INCR", "wanderer").value == 3


def test_what_is_refused(client: Client) -> None:
    """By name, and with the reason."""
    for line in ("WAIT 0 0", "BGSAVE", "BGREWRITEAOF", "CLIENT NO-TOUCH ON", "DEBUG SLEEP 0", "ASKING"):
        text = client.do(*line.split()).value
        assert text.startswith(b"ERR '")
        assert b"is not available with an upstream: " in text
    for name, value in (("appendonly", "yes"), ("save", "1 1"), ("notify-keyspace-events", "KEA")):
        text = client.do("CONFIG", "SET", name, value).value
        assert text.startswith(b"ERR CONFIG SET failed (possibly related to argument '%b')" % name.encode())
        assert b"upstream" in text
    assert client.do("PING").value == b"PONG"


def test_monitor_shows_what_passes(near_side: Process, near: Client) -> None:
    """Requests that are sent on, and those that are answered here."""
    monitor = near_side.connect()
    monitor.do("MONITOR")
    near.do("SET", "k", 1)
    near.do("PING")
    assert b'"SET" "k" "1"' in monitor.receive().value
    assert b'"PING"' in monitor.receive().value
    monitor.close()


def test_counted(near_side: Process, near: Client) -> None:
    """INFO tells of commands, and of the upstream."""
    calls = information(near, "commandstats")
    near.do("INCR", "n")
    assert "cmdstat_incr" in {**calls, **information(near, "commandstats")}
    told = information(near, "upstream")
    assert told["upstream"] == "yes"
    assert told["upstream_mode"] == "cluster"
    assert told["upstream_primaries"] == "3"
    assert told["upstream_slots_ok"] == "16384"


def test_one_primary_needs_no_slots() -> None:
    """An upstream that is no cluster: all keys are together."""
    binary = reference_binary()
    assert binary is not None
    with (
        running_reference(binary, "--requirepass", "secret") as (host, port),
        serving("--upstream", f"valkey://:secret@{host}:{port}/2") as process,
    ):
        client, direct = process.connect(3), Client((host, port))
        direct.do("AUTH", "secret")
        client.do("MSET", "a", 1, "b", 2)
        client.do("MULTI")
        client.do("MGET", "a", "b")
        client.do("DBSIZE")
        values = client.do("EXEC").value
        assert [item.value for item in values[0].value] == [b"1", b"2"]
        assert values[1].value == 2
        assert client.do("SCAN", 0).value[0].value == b"0"
        direct.do("SELECT", 2)
        assert direct.do("GET", "b").value == b"2"
        assert client.do("MOVE", "a", 1).value == 1
        assert client.do("COPY", "b", "c", "DB", 1).value == 1
        client.do("MULTI")
        client.do("COPY", "b", "d", "REPLACE", "DB", 1)
        assert client.do("EXEC").value[0].value == 1
        direct.do("SELECT", 3)
        assert direct.do("EXISTS", "a", "c", "d").value == 3
        assert client.do("SWAPDB", 0, 1).value == b"OK"
        assert direct.do("KEYS", "*").value[0].value == b"b"
        assert client.do("EXISTS", "a", "c", "d").value == 3
        assert client.do("GET", "b").value is None
        client.close()
        direct.close()


def test_wrong_password_is_told() -> None:
    """The upstream's word, at once."""
    binary = reference_binary()
    assert binary is not None
    with (
        running_reference(binary, "--requirepass", "secret") as (host, port),
        serving("--upstream", f"valkey://:wrong@{host}:{port}", "--upstream-retry-time", "200") as process,
    ):
        client = process.connect()
        assert b"WRONGPASS" in client.do("GET", "k").value
        client.close()
