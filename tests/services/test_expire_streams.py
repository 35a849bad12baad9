"""Streams of what expired and was evicted: what stands in them, who reads them, and that nothing else notices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from geventcache import Cache, ResponseError, Server
from geventcache.base.clock import ManualClock
from geventcache.command.table import CommandTable
from geventcache.engine.effects import Sink
from geventcache.services.settings.config import Config
from geventcache.services.shards.cluster import Topology, make_nodes
from geventcache.services.shards.hashing import slot_of
from geventcache.services.state import ServerState

from ..server.conftest import wait_blocked
from ..server.test_travel import opened
from ..support.inprocess import NoLog

START_S = 1_800_000_000
START_MS = START_S * 1000


@pytest.fixture
def cache() -> Iterator[Cache]:
    """A cache whose time stands still, with a stream in each database."""
    with Cache(clock="manual", expire_stream="lost", maxmemory_policy="allkeys-random") as made:
        made.clock.set(START_S)
        yield made


def entries(cache: Cache, key: str = "lost") -> list[dict[bytes, bytes]]:
    """The entries of a stream, without their IDs."""
    return [dict(zip(words[::2], words[1::2], strict=True)) for _, words in cache.execute("XRANGE", key, "-", "+")]


def told(**facts: object) -> dict[bytes, bytes]:
    """An entry as it stands there."""
    return {name.encode(): value if isinstance(value, bytes) else str(value).encode() for name, value in facts.items()}


def test_a_string_that_expired(cache: Cache) -> None:
    """Key, type, value, length, deadline and lag; the ID is the time at which it went."""
    cache.set("k", b"\x00v", ttl=1.5)
    cache.set("n", 12, ttl=1.5)
    cache.advance(2)
    deadline = START_MS + 1500
    assert entries(cache) == [
        told(event="expired", key="k", type="string", value=b"\x00v", length=2, deadline=deadline, lag=0),
        told(event="expired", key="n", type="string", value="12", length=2, deadline=deadline, lag=0),
    ]
    assert cache.execute("XRANGE", "lost", "-", "+")[0][0].startswith(b"%d-" % deadline)


def test_containers_come_as_payloads(cache: Cache) -> None:
    """What RESTORE takes brings a container back; one that is too large is told of without its value."""
    cache.execute("RPUSH", "l", "a", "b")
    cache.execute("ZADD", "z", 1.5, "m")
    cache.execute("SADD", "large", *range(5000))
    for key in ("l", "z", "large"):
        cache.expire(key, 1)
    cache.advance(1)
    first, second, third = entries(cache)
    cache.execute("RESTORE", "l2", 0, first[b"value"])
    cache.execute("RESTORE", "z2", 0, second[b"value"])
    assert cache.execute("LRANGE", "l2", 0, -1) == [b"a", b"b"]
    assert cache.execute("ZSCORE", "z2", "m") == 1.5
    assert (third[b"type"], third[b"length"], b"value" in third) == (b"set", b"5000", False)


def test_values_up_to_a_size(cache: Cache) -> None:
    """A string is cut, its length is told; a size of 0 tells no values."""
    cache.set("cut", "v" * 2000, ttl=1)
    cache.advance(1)
    cache.execute("CONFIG", "SET", "expire-stream-value-size", 0)
    cache.set("none", "v", ttl=1)
    cache.execute("HSET", "h", "f", "v")
    cache.execute("HPEXPIRE", "h", 1000, "FIELDS", 1, "f")
    cache.advance(1)
    cut, *others = entries(cache)
    assert cut[b"value"] == b"v" * 1024
    assert cut[b"length"] == b"2000"
    assert [entry.get(b"value") for entry in others] == [None, None]


def test_fields(cache: Cache) -> None:
    """Fields that expire are told of one by one, with their values; the last one takes the hash along silently."""
    cache.hset("h", {"f": "1", "g": "2", "stays": "3"})
    cache.execute("HPEXPIRE", "h", 10, "FIELDS", 2, "f", "g")
    cache.advance(1)
    facts = {"event": "hexpired", "key": "h", "type": "hash", "length": 1, "deadline": START_MS + 10, "lag": 0}
    assert sorted(entries(cache), key=lambda entry: entry[b"field"]) == [
        told(field="f", value="1", **facts),
        told(field="g", value="2", **facts),
    ]
    assert cache.hgetall("h") == {b"stays": b"3"}


def test_a_key_that_is_met_by_a_command(cache: Cache) -> None:
    """What a command finds due is told of as well, after the command, with the lag."""
    cache.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    cache.set("k", "v", ttl=1)
    cache._state.clock.move_to(START_MS + 1250)  # nobody's doing: the worker did not come
    assert cache.get("k") is None
    (entry,) = entries(cache)
    assert entry[b"lag"] == b"250"


def test_evicted_keys(cache: Cache) -> None:
    """What is evicted is told of as such, with a deadline only if it had one."""
    cache.set("with", "v", ttl=5)
    cache.set("without", "v")
    for key in (b"with", b"without", b"none"):
        cache._state.databases.get(0).evict(key)
    cache._server.end_turn()
    facts = {"event": "evicted", "type": "string", "value": "v", "length": 1}
    assert entries(cache) == [
        told(key="with", deadline=START_MS + 5000, lag=0, **facts),
        told(key="without", **facts),
    ]


def test_a_full_memory(cache: Cache) -> None:
    """What memory pushes out is written, though that takes some itself; the stream stays where only others may go."""
    cache.execute("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    for number in range(300):
        cache.set(number, "v" * 100, ttl=3600)
    cache.execute("CONFIG", "SET", "maxmemory", 40_000)
    cache.execute("PING")
    found = entries(cache)
    assert found
    assert {(entry[b"event"], entry[b"value"]) for entry in found} == {(b"evicted", b"v" * 100)}


def test_each_database_and_a_length() -> None:
    """Databases that are not named have none; MAXLEN keeps the last entries, about."""
    with Cache(clock="manual", expire_stream="0 a MAXLEN 100 2 b") as cache:
        for index in range(3):
            cache.execute("SELECT", index)
            for number in range(600):
                cache.set(number, "v", ttl=1)
        cache.advance(1)
        assert len(cache) == 1
        assert cache.execute("XLEN", "b") == 600
        cache.execute("SELECT", 0)
        assert 100 <= cache.execute("XLEN", "a") < 300
        cache.execute("SELECT", 1)
        assert len(cache) == 0
        assert cache.execute("CONFIG", "GET", "expire-stream") == {b"expire-stream": b"0 a MAXLEN 100 2 b"}
        cache.execute("CONFIG", "SET", "expire-stream", "")
        cache.set("k", "v", ttl=1)
        cache.advance(1)
        assert len(cache) == 0
        assert cache._state.changes.on_losing is None


@pytest.mark.parametrize("text", ["0", "a MAXLEN", "a MAXLEN 0", "a b", "0 a 0 b", "a 1 b", "-1 a", "0 a MAXLEN x"])
def test_what_is_no_setting(text: str) -> None:
    """Wrong texts are refused."""
    with pytest.raises(ValueError, match="expire_stream"):
        Cache(expire_stream=text)


def test_a_key_that_holds_something_else(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """Then nothing is written, and the log says why."""
    cache.set("lost", "text")
    cache.set("k", "v", ttl=1)
    cache.advance(1)
    assert cache.get("lost") == b"text"
    assert "expire_stream_not_written" in caplog.text


def test_the_streams_own_end_makes_no_entry(cache: Cache) -> None:
    """A stream with a deadline goes for good."""
    cache.set("k", "v", ttl=1)
    cache.advance(1)
    cache.expire("lost", 1)
    cache.advance(1)
    assert len(cache) == 0


def test_groups_read_what_came_while_they_were_away() -> None:
    """A blocked reader wakes up; one that was away finds all of it, and acknowledges."""
    with Server(clock="manual", expire_stream="lost") as server, opened(server) as connect:
        client, reader = connect(), connect()
        client.do("XGROUP", "CREATE", "lost", "billing", "$", "MKSTREAM")
        client.do("SET", "order:1", "42", "EX", 60)
        client.do("SET", "order:2", "43", "EX", 120)
        reader.send("XREADGROUP", "GROUP", "billing", "one", "BLOCK", 0, "STREAMS", "lost", ">")
        wait_blocked(client, 1)
        server.advance(60)
        fields = [part.value for part in reader.receive().value[0].value[1].value[0].value[1].value]
        assert fields[:4] == [b"event", b"expired", b"key", b"order:1"]
        reader.close()
        server.advance(60)
        again = connect()
        entry = again.do("XREADGROUP", "GROUP", "billing", "two", "STREAMS", "lost", ">").value[0].value[1].value[0]
        assert [part.value for part in entry.value[1].value][2:8] == [
            b"key",
            b"order:2",
            b"type",
            b"string",
            b"value",
            b"43",
        ]
        assert again.do("XACK", "lost", "billing", entry.value[0].value).value == 1


def test_a_storm_loses_nothing() -> None:
    """Twenty thousand at once are all told of, each once; other clients are served meanwhile."""
    with Server(clock="manual", expire_stream="lost", expire_time_budget=100) as server, opened(server) as connect:
        client, other = connect(), connect()
        client.send_bytes(b"".join(b"SET k%d v PX 1000\r\n" % number for number in range(20_000)))
        for _ in range(20_000):
            client.receive()
        other.send_bytes(b"XREAD BLOCK 0 COUNT 1 STREAMS lost $\r\nXLEN lost\r\n")
        wait_blocked(client, 1)
        client.do("GEVENTCACHE", "CLOCK", "ADVANCE", 1000)
        assert other.receive().value
        assert 1 <= other.receive().value < 20_000
        assert client.do("XLEN", "lost").value == 20_000
        keys = {entry.value[1].value[3].value for entry in client.do("XRANGE", "lost", "-", "+").value}
        assert len(keys) == 20_000


def test_shards_have_streams_of_their_own() -> None:
    """A shard's stream lies in one of its own slots, whatever the name of the setting is."""
    nodes = make_nodes([b"a" * 40, b"b" * 40], [("127.0.0.1", 1), ("127.0.0.1", 2)])
    for own, node in enumerate(nodes):
        config = Config()
        state = ServerState(ManualClock(), config, CommandTable(), NoLog(), Topology(nodes, own))
        for name in (b"lost", b"lost{tag}"):
            assert node.first_slot <= slot_of(state.expire_streams.key_of(name)) <= node.last_slot


def test_effects_have_the_entry_after_the_end(cache: Cache) -> None:
    """Whoever repeats what happens gets the key's DEL and then the entry, with its ID."""
    units: list[Any] = []

    class Recorder(Sink):
        def note(self, index: int, requests: list[list[bytes]]) -> None:
            units.append([request[:3] for request in requests])

    cache.set("k", "v", ttl=1)
    cache._engine.add_sink(Recorder())
    cache.advance(1)
    assert units[0] == [[b"DEL", b"k"]]
    assert units[1][0][:2] == [b"XADD", b"lost"]
    with pytest.raises(ResponseError):
        cache.execute("XADD", "lost", "1-1", "f", "v")
