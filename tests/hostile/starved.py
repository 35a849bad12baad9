"""Requests whose allocations fail, one after the other: run as a program, with names of cases.

There is no socket: bytes go to a reader, its commands to an engine, the reply is taken from the writer, all in the one
process, and an exception ends the client as it ends a connection. (Where a greenlet cannot be switched for want of
memory, greenlet ends the process; nothing above it can help that.)
"""

from __future__ import annotations

import _testcapi
import sys
from itertools import islice
from typing import Any, NamedTuple

from geventcache.base.build import IS_COMPILED
from geventcache.base.clock import ManualClock
from geventcache.base.histogram import Histogram
from geventcache.engine.effects import UNKNOWN_DATABASE, EffectStream
from geventcache.persistence.snapshot_reader import SnapshotReader
from geventcache.persistence.snapshot_writer import Header, SnapshotWriter
from geventcache.resp.reader import RequestReader
from geventcache.services.observing.digest import of_databases, of_value
from geventcache.store.account import object_size
from geventcache.store.databases import Databases
from geventcache.store.keyspace import Keyspace
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet
from geventcache.types.streams import Stream

from ..support.inprocess import InProcessServer, Session
from ..support.wire import request

GOES_WELL = 30 if IS_COMPILED else 1  # so many allocations in a row that can fail without a trace: there are no more
MOST = 100_000


class Case(NamedTuple):
    """Requests before, the one that meets the end of memory, and the keys by which to see what it did."""

    before: list[tuple[str | bytes | int, ...]]
    request: tuple[str | bytes | int, ...]
    keys: tuple[str, ...] = ("k",)
    moves: bool = False  # in steps; uncompiled it may be half done, since to Python every count is an allocation
    is_many: bool = False  # changes several elements, each of which may be as before or as it is then
    later_ms: int = 0  # so much time passes before it
    saved: int | None = None  # it comes when a snapshot is under way, of which there are so many blocks


def pairs_of(count: int, pattern: bytes = b"item:%d") -> list[bytes | int]:
    """Names, each with a number."""
    return [part for i in range(count) for part in (pattern % i, i)]


def scored(count: int, pattern: bytes = b"item:%d") -> list[bytes | int]:
    """Numbers, each with a name."""
    return pairs_of(count, pattern)[::-1]


def timed(count: int, at_ms: int, pattern: bytes = b"item:%d") -> tuple[str | bytes | int, ...]:
    """A request that sets so many fields with a deadline."""
    return ("HSETEX", "k", "PXAT", at_ms, "FIELDS", count, *pairs_of(count, pattern))


BEGIN_MS = 1_700_000_000_000  # of the clock
SOON = BEGIN_MS + 1000
LATER = BEGIN_MS + 10**9
AFTER_ALL = 34_000_000_000_000
WIDE = b"x" * 60  # in a record, where it is not short enough for a packed container of many
LONG = [b"item:%d" % i for i in range(300)]
NODES = [b"item:%d" % (i % 1500) for i in range(3000)]  # a list of several nodes
CASES = {
    "PING": Case([], ("PING",)),
    "no such command": Case([], ("NOSUCH", "a")),
    "wrong arity": Case([], ("GET",)),
    "wrong type": Case([("RPUSH", "k", "a")], ("GET", "k")),
    "GET": Case([("SET", "k", "v")], ("GET", "k")),
    "GET large": Case([("SET", "k", b"x" * 200_000)], ("GET", "k")),
    "SET": Case([], ("SET", "k", "v")),
    "SET over a list": Case([("RPUSH", "k", *LONG)], ("SET", "k", "v")),
    "SET large": Case([], ("SET", "k", b"x" * 3_000_000)),
    "SET PX": Case([("SET", "k", "v")], ("SET", "k", "w", "PXAT", 33_000_000_000_000)),
    "INCR": Case([("SET", "k", 10**12)], ("INCR", "k")),
    "APPEND": Case([("SET", "k", "v" * 100)], ("APPEND", "k", "w" * 1000)),
    "SETRANGE": Case([], ("SETRANGE", "k", 5000, "w")),
    "DEL": Case([("SADD", "k", *LONG)], ("DEL", "k")),
    "RENAME": Case([("SET", "k", "v"), ("SET", "l", "w")], ("RENAME", "k", "l"), ("k", "l"), moves=True),
    "RENAME with a deadline": Case(
        [("HSET", "k", "f", "v"), ("PEXPIREAT", "k", 33_000_000_000_000), ("RPUSH", "l", *LONG)],
        ("RENAME", "k", "l"),
        ("k", "l"),
        moves=True,
    ),
    "RENAME large": Case([("RPUSH", "k", *LONG), ("HSET", "l", *LONG)], ("RENAME", "k", "l"), ("k", "l"), moves=True),
    "RENAMENX": Case([("SADD", "k", *LONG)], ("RENAMENX", "k", "l"), ("k", "l"), moves=True),
    "COPY REPLACE": Case([("SADD", "k", *LONG), ("SET", "l", "w")], ("COPY", "k", "l", "REPLACE"), ("k", "l")),
    "MOVE": Case([("SADD", "k", *LONG)], ("MOVE", "k", 1), moves=True),
    "EXPIRE": Case([("SET", "k", "v")], ("PEXPIREAT", "k", 33_000_000_000_000)),
    "RPUSH": Case([], ("RPUSH", "k", "a")),
    "RPUSH many": Case([("RPUSH", "k", "a")], ("RPUSH", "k", *LONG)),
    "LPUSH": Case([("RPUSH", "k", *LONG)], ("LPUSH", "k", "a")),
    "LPOP": Case([("RPUSH", "k", *LONG)], ("LPOP", "k")),
    "LRANGE": Case([("RPUSH", "k", *LONG)], ("LRANGE", "k", 0, -1)),
    "LPOP of nodes": Case([("RPUSH", "k", *NODES)], ("LPOP", "k", 1200), moves=True),
    "RPOP of a node's last": Case([("RPUSH", "k", "a", b"x" * 9000, "b")], ("RPOP", "k"), moves=True),
    "LRANGE of nodes": Case([("RPUSH", "k", *NODES)], ("LRANGE", "k", 500, 1000)),
    "LSET large": Case([("RPUSH", "k", *NODES)], ("LSET", "k", 700, b"x" * 9000), moves=True),
    "LSET small": Case([("RPUSH", "k", *NODES), ("LSET", "k", 700, b"x" * 9000)], ("LSET", "k", 700, "y"), moves=True),
    "LINSERT into a node": Case([("RPUSH", "k", *NODES)], ("LINSERT", "k", "AFTER", "item:300", "new"), moves=True),
    "LINSERT large": Case([("RPUSH", "k", *NODES)], ("LINSERT", "k", "BEFORE", "item:300", b"x" * 9000), moves=True),
    "LREM in nodes": Case([("RPUSH", "k", *NODES)], ("LREM", "k", 0, "item:7"), moves=True),
    "LREM in shared nodes": Case(
        [("RPUSH", "k", *NODES), ("COPY", "k", "l")], ("LREM", "k", 0, "item:7"), ("k", "l"), moves=True
    ),
    "LTRIM of nodes": Case([("RPUSH", "k", *NODES)], ("LTRIM", "k", 100, -100), moves=True),
    "LTRIM of shared nodes": Case(
        [("RPUSH", "k", *NODES), ("COPY", "k", "l")], ("LTRIM", "k", 100, -100), ("k", "l"), moves=True
    ),
    "LMOVE": Case(
        [("RPUSH", "k", *NODES), ("COPY", "k", "l")], ("LMOVE", "k", "l", "LEFT", "LEFT"), ("k", "l"), moves=True
    ),
    "COPY of nodes": Case([("RPUSH", "k", *NODES)], ("COPY", "k", "l"), ("k", "l")),
    "HSET": Case([], ("HSET", "k", "f", "v")),
    "HGETALL": Case([("HSET", "k", *LONG)], ("HGETALL", "k")),
    "SADD": Case([("SADD", "k", "1", "2")], ("SADD", "k", "a")),
    "SMEMBERS": Case([("SADD", "k", *LONG)], ("SMEMBERS", "k")),
    "ZADD": Case([("ZADD", "k", 1, "a")], ("ZADD", "k", 2, "b")),
    "ZADD among many": Case([("ZADD", "k", *[part for i in range(300) for part in (i, i)])], ("ZADD", "k", 2.5, "b")),
    "ZRANGE": Case([("ZADD", "k", *[part for i in range(300) for part in (i, i)])], ("ZRANGE", "k", 0, -1)),
    "XADD": Case([], ("XADD", "k", "1-1", "f", "v")),
    "PFADD": Case([], ("PFADD", "k", "a")),
    "EVAL": Case([], ("EVAL", "return redis.call('SET', KEYS[1], 'v')", 1, "k")),
    "SCAN": Case([("SET", "k", "v")], ("SCAN", 0)),
    "SUBSCRIBE": Case([], ("SUBSCRIBE", "ch")),
    "CONFIG": Case([], ("CONFIG", "GET", "maxm*")),
}
FEW, MANY = 5, 160  # elements of a container that is small, and of a large one
FIELDS: list[tuple[str | bytes | int, ...]] = [timed(FEW, LATER), ("HSET", "k", "plain", "v")]
ROWS: list[tuple[str | bytes | int, ...]] = [("XADD", "k", f"{i}-1", "f", "v" * 20) for i in range(1, 130)]
INTEGERS = list(range(0, 1500, 5))
# Values of each type and size, for what takes their place.
VALUES: dict[str, list[tuple[str | bytes | int, ...]]] = {
    "a long string": [("SET", "k", b"w" * 5000)],
    "a buffer": [("SETRANGE", "k", 2000, "w")],
    "a list": [("RPUSH", "k", *NODES)],
    "a small hash": [("HSET", "k", *pairs_of(FEW))],
    "a hash": [("HSET", "k", *pairs_of(MANY))],
    "a hash with deadlines": [timed(MANY, LATER)],
    "integers": [("SADD", "k", *INTEGERS)],
    "a set": [("SADD", "k", *LONG)],
    "a sorted set": [("ZADD", "k", *scored(MANY))],
    "a stream": ROWS[:20],
}
for kind, before in VALUES.items():
    CASES[f"SET over {kind}"] = Case(before, ("SET", "k", "v"))
    CASES[f"COPY over {kind}"] = Case([*before, ("HSET", "l", "f", "v")], ("COPY", "l", "k", "REPLACE"), ("k", "l"))
    CASES[f"COPY of {kind}"] = Case(before, ("COPY", "k", "l"), ("k", "l"))
    CASES[f"RENAME of {kind}"] = Case([*before, ("SET", "l", "w")], ("RENAME", "k", "l"), ("k", "l"), moves=True)
    CASES[f"key that is due: {kind}"] = Case([*before, ("PEXPIREAT", "k", SOON)], ("GET", "k"), later_ms=2000)
CASES |= {
    "APPEND to a buffer": Case([("SETRANGE", "k", 2000, "w")], ("APPEND", "k", "w" * 5000)),
    "APPEND to an integer": Case([("SET", "k", 12)], ("APPEND", "k", "w")),
    "APPEND to nothing": Case([], ("APPEND", "k", "w" * 2000)),
    "SETRANGE in a buffer": Case([("SETRANGE", "k", 2000, "w")], ("SETRANGE", "k", 1000, "v" * 3000)),
    "SETRANGE with a deadline": Case([("SET", "k", "v", "PXAT", LATER)], ("SETRANGE", "k", 1, "w")),
    "SETBIT": Case([("SET", "k", "v")], ("SETBIT", "k", 7, 1)),
    "SETBIT far": Case([("SET", "k", "v")], ("SETBIT", "k", 70000, 1)),
    "SETBIT in a buffer": Case([("SETBIT", "k", 70000, 1)], ("SETBIT", "k", 140000, 1)),
    "BITFIELD": Case([("SET", "k", "v")], ("BITFIELD", "k", "SET", "u8", 1000, 255)),
    "INCRBYFLOAT": Case([("SET", "k", "1.5")], ("INCRBYFLOAT", "k", "0.25")),
    "GETEX": Case([("SET", "k", "v")], ("GETEX", "k", "PXAT", LATER)),
    "MSET": Case([("SET", "k", "v")], ("MSET", "k", "w", "l", "w"), ("k", "l"), is_many=True),
    # ---- lists
    "RPUSH that makes a node": Case([("RPUSH", "k", *LONG[:100])], ("RPUSH", "k", b"x" * 5000)),
    "LPUSH that makes a node": Case([("RPUSH", "k", *LONG[:100])], ("LPUSH", "k", b"x" * 5000)),
    "LPUSH many to a few": Case([("RPUSH", "k", "a", "b")], ("LPUSH", "k", *LONG)),
    "LPUSH to nodes": Case([("RPUSH", "k", *NODES)], ("LPUSH", "k", *LONG), moves=True),
    "RPUSH to nodes": Case([("RPUSH", "k", *NODES)], ("RPUSH", "k", *LONG), moves=True),
    "LINSERT into a few": Case([("RPUSH", "k", "a", "b")], ("LINSERT", "k", "BEFORE", "b", "c")),
    "LINSERT that makes a node": Case([("RPUSH", "k", "a", "b")], ("LINSERT", "k", "BEFORE", "b", b"x" * 9000)),
    "LREM of a few": Case([("RPUSH", "k", "a", "b", "a")], ("LREM", "k", 0, "a")),
    "LREM of all": Case([("RPUSH", "k", "a", "a")], ("LREM", "k", 0, "a")),
    "LSET of a few": Case([("RPUSH", "k", "a", "b")], ("LSET", "k", 1, "c" * 100)),
    "LTRIM of a few": Case([("RPUSH", "k", "a", "b", "c")], ("LTRIM", "k", 1, 1)),
    "RPOP of a few": Case([("RPUSH", "k", "a", "b")], ("RPOP", "k")),
    "LPOP of some": Case([("RPUSH", "k", *LONG[:60])], ("LPOP", "k", 50)),
    "LMOVE of a few": Case(
        [("RPUSH", "k", "a", "b"), ("RPUSH", "l", "c")], ("LMOVE", "k", "l", "LEFT", "RIGHT"), ("k", "l"), moves=True
    ),
    "LMOVE within": Case([("RPUSH", "k", *NODES)], ("LMOVE", "k", "k", "LEFT", "RIGHT"), moves=True),
    # ---- hashes
    "HSET to a few": Case([("HSET", "k", *pairs_of(FEW))], ("HSET", "k", "new", "v")),
    "HSET over one of a few": Case([("HSET", "k", *pairs_of(FEW))], ("HSET", "k", "item:2", "v" * 50)),
    "HSET long to a few": Case([("HSET", "k", *pairs_of(FEW))], ("HSET", "k", "new", b"v" * 5000)),
    "HSET at the limit": Case([("HSET", "k", *pairs_of(128))], ("HSET", "k", "new", "v")),
    "HSET beyond the limit": Case([("HSET", "k", *pairs_of(512))], ("HSET", "k", "new", "v")),
    "HSET to a wide one": Case([("HSET", "k", *pairs_of(100, WIDE + b"%d"))], ("HSET", "k", "new", "v")),
    "HSET over one of a wide one": Case(
        [("HSET", "k", *pairs_of(100, WIDE + b"%d"))], ("HSET", "k", WIDE + b"7", "v" * 60)
    ),
    "HSET to many": Case([("HSET", "k", *pairs_of(MANY))], ("HSET", "k", "new", "v")),
    "HSET of several to many": Case(
        [("HSET", "k", *pairs_of(MANY))], ("HSET", "k", *pairs_of(20, b"new%d")), is_many=True
    ),
    "HSET of several to a few": Case(
        [("HSET", "k", *pairs_of(FEW))], ("HSET", "k", *pairs_of(600, b"new%d")), moves=True
    ),
    "HDEL of a few": Case([("HSET", "k", *pairs_of(FEW))], ("HDEL", "k", "item:2")),
    "HDEL of a wide one": Case([("HSET", "k", *pairs_of(100, WIDE + b"%d"))], ("HDEL", "k", WIDE + b"7")),
    "HDEL of many": Case([("HSET", "k", *pairs_of(MANY))], ("HDEL", "k", "item:2", "item:3"), is_many=True),
    "HDEL of all": Case([("HSET", "k", "a", "b")], ("HDEL", "k", "a")),
    "HINCRBY": Case([("HSET", "k", *pairs_of(FEW))], ("HINCRBY", "k", "item:2", 10**12)),
    # ---- fields with deadlines
    "HPEXPIREAT of one of a few": Case(
        [("HSET", "k", *pairs_of(FEW))], ("HPEXPIREAT", "k", LATER, "FIELDS", 1, "item:2")
    ),
    "HPEXPIREAT of one of many": Case(
        [("HSET", "k", *pairs_of(MANY))], ("HPEXPIREAT", "k", LATER, "FIELDS", 1, "item:2")
    ),
    "HPEXPIREAT of several": Case(
        [("HSET", "k", *pairs_of(MANY))],
        ("HPEXPIREAT", "k", LATER, "FIELDS", 3, "item:2", "item:3", "item:4"),
        is_many=True,
    ),
    "HPEXPIREAT earlier": Case([timed(FEW, LATER)], ("HPEXPIREAT", "k", SOON, "FIELDS", 1, "item:2")),
    "HPEXPIREAT later": Case([timed(FEW, SOON)], ("HPEXPIREAT", "k", LATER, "FIELDS", 1, "item:2")),
    "HPEXPIREAT earlier of many": Case([timed(MANY, LATER)], ("HPEXPIREAT", "k", SOON, "FIELDS", 1, "item:2")),
    "HPEXPIREAT that makes an index": Case(
        [timed(64, LATER), ("HSET", "k", "f", "v")], ("HPEXPIREAT", "k", SOON, "FIELDS", 1, "f")
    ),
    "HPEXPIREAT that is over": Case([timed(FEW, LATER)], ("HPEXPIREAT", "k", 1, "FIELDS", 1, "item:2")),
    "HSETEX of one": Case([], ("HSETEX", "k", "PXAT", LATER, "FIELDS", 1, "f", "v")),
    "HSETEX to a few": Case([("HSET", "k", *pairs_of(FEW))], ("HSETEX", "k", "PXAT", LATER, "FIELDS", 1, "f", "v")),
    "HSETEX to many": Case([("HSET", "k", *pairs_of(MANY))], ("HSETEX", "k", "PXAT", LATER, "FIELDS", 1, "f", "v")),
    "HSETEX over one with a deadline": Case(
        [timed(FEW, LATER)], ("HSETEX", "k", "PXAT", SOON, "FIELDS", 1, "item:2", "v")
    ),
    "HSETEX over one without": Case(FIELDS, ("HSETEX", "k", "PXAT", SOON, "FIELDS", 1, "plain", b"v" * 2000)),
    "HSETEX over one that is due": Case(
        [timed(FEW, SOON)], ("HSETEX", "k", "PXAT", LATER, "FIELDS", 1, "item:2", "v"), later_ms=2000
    ),
    "HSETEX of several": Case(
        [timed(MANY, LATER)], ("HSETEX", "k", "PXAT", SOON, "FIELDS", 3, *pairs_of(3, b"new%d")), is_many=True
    ),
    "HSETEX KEEPTTL": Case([timed(FEW, LATER)], ("HSETEX", "k", "KEEPTTL", "FIELDS", 1, "item:2", b"v" * 2000)),
    "HSETEX that is over": Case([timed(FEW, LATER)], ("HSETEX", "k", "PXAT", 1, "FIELDS", 1, "item:2", "v")),
    "HGETEX": Case(FIELDS, ("HGETEX", "k", "PXAT", SOON, "FIELDS", 1, "item:2")),
    "HGETEX of one without": Case(FIELDS, ("HGETEX", "k", "PXAT", SOON, "FIELDS", 1, "plain")),
    "HGETEX PERSIST": Case(FIELDS, ("HGETEX", "k", "PERSIST", "FIELDS", 1, "item:2")),
    "HGETDEL": Case(FIELDS, ("HGETDEL", "k", "FIELDS", 1, "item:2")),
    "HPERSIST": Case(FIELDS, ("HPERSIST", "k", "FIELDS", 1, "item:2")),
    "HPERSIST of the last": Case([timed(1, LATER)], ("HPERSIST", "k", "FIELDS", 1, "item:0")),
    "HPERSIST of many": Case([timed(MANY, LATER)], ("HPERSIST", "k", "FIELDS", 1, "item:2")),
    "HSET over one with a deadline": Case(FIELDS, ("HSET", "k", "item:2", "v")),
    "HSET large over one with a deadline": Case(FIELDS, ("HSET", "k", "item:2", b"v" * 3000)),
    "HSET over one of many with deadlines": Case([timed(MANY, LATER)], ("HSET", "k", "item:2", "v")),
    "HSET over one that is due": Case(
        [timed(FEW, SOON), ("HSET", "k", "f", "v")], ("HSET", "k", "item:2", "v"), later_ms=2000
    ),
    "HINCRBY of one with a deadline": Case(FIELDS, ("HINCRBY", "k", "item:2", 10**12)),
    "HDEL of one with a deadline": Case(FIELDS, ("HDEL", "k", "item:2")),
    "HDEL of one of many with deadlines": Case([timed(MANY, LATER)], ("HDEL", "k", "item:2")),
    "HDEL of the last with a deadline": Case([timed(1, LATER)], ("HDEL", "k", "item:0")),
    "HGETALL of fields that are due": Case(
        [timed(FEW, SOON), ("HSET", "k", "f", "v")], ("HGETALL", "k"), later_ms=2000
    ),
    "HGETALL of many that are due": Case([timed(MANY, SOON), ("HSET", "k", "f", "v")], ("HGETALL", "k"), later_ms=2000),
    "HRANDFIELD of many that are due": Case(
        [timed(MANY, SOON), ("HSET", "k", "f", "v")], ("HRANDFIELD", "k"), later_ms=2000
    ),
    "PEXPIREAT of a hash with deadlines": Case(FIELDS, ("PEXPIREAT", "k", SOON)),
    "MOVE of a hash with deadlines": Case(FIELDS, ("MOVE", "k", 1), moves=True),
    # ---- sets
    "SADD to integers": Case([("SADD", "k", 1, 2, 3)], ("SADD", "k", 70000)),
    "SADD to many integers": Case([("SADD", "k", *INTEGERS)], ("SADD", "k", 10**12)),
    "SADD beyond the limit of integers": Case([("SADD", "k", *range(512))], ("SADD", "k", 10**12)),
    "SADD of text to integers": Case([("SADD", "k", *range(20))], ("SADD", "k", "a")),
    "SADD of text to many integers": Case([("SADD", "k", *range(500))], ("SADD", "k", "a")),
    "SADD to a few": Case([("SADD", "k", "a", "b")], ("SADD", "k", "c")),
    "SADD at the limit": Case([("SADD", "k", *LONG[:128])], ("SADD", "k", "c")),
    "SADD to a wide one": Case([("SADD", "k", *[WIDE + b"%d" % i for i in range(100)])], ("SADD", "k", "c")),
    "SADD of several to many": Case([("SADD", "k", *LONG)], ("SADD", "k", "a", "b", "c"), is_many=True),
    "SREM of integers": Case([("SADD", "k", *INTEGERS)], ("SREM", "k", 10)),
    "SREM of a few": Case([("SADD", "k", "a", "b")], ("SREM", "k", "b")),
    "SREM of all": Case([("SADD", "k", "a")], ("SREM", "k", "a")),
    "SREM of many": Case([("SADD", "k", *LONG)], ("SREM", "k", "item:2", "item:3"), is_many=True),
    "SMOVE": Case([("SADD", "k", *LONG), ("SADD", "l", "a")], ("SMOVE", "k", "l", "item:2"), ("k", "l"), moves=True),
    "SUNIONSTORE": Case([("SADD", "k", *LONG), ("SADD", "l", "a")], ("SUNIONSTORE", "l", "k", "l"), ("k", "l")),
    # ---- sorted sets
    "ZADD to a few": Case([("ZADD", "k", *scored(FEW))], ("ZADD", "k", 2.5, "new")),
    "ZADD over one of a few": Case([("ZADD", "k", *scored(FEW))], ("ZADD", "k", 2.5, "item:0")),
    "ZADD down of one of a few": Case([("ZADD", "k", *scored(FEW))], ("ZADD", "k", -2.5, "item:4")),
    "ZADD at the limit": Case([("ZADD", "k", *scored(128))], ("ZADD", "k", 2.5, "new")),
    "ZADD over one at the limit": Case([("ZADD", "k", *scored(128))], ("ZADD", "k", 2.5, "item:100")),
    "ZADD to a wide one": Case([("ZADD", "k", *scored(100, WIDE + b"%d"))], ("ZADD", "k", 2.5, "new")),
    "ZADD over one of a wide one": Case([("ZADD", "k", *scored(100, WIDE + b"%d"))], ("ZADD", "k", 2.5, WIDE + b"7")),
    "ZADD over one of many": Case([("ZADD", "k", *scored(MANY))], ("ZADD", "k", 2.5, "item:150")),
    "ZADD of several to many": Case(
        [("ZADD", "k", *scored(MANY))], ("ZADD", "k", 2, "a", 3, "b", 4, "item:7"), is_many=True
    ),
    "ZADD of integers": Case([("ZADD", "k", *scored(20, b"%d"))], ("ZADD", "k", 2.5, 7)),
    "ZINCRBY": Case([("ZADD", "k", *scored(MANY))], ("ZINCRBY", "k", 2.5, "item:150")),
    "ZREM of a few": Case([("ZADD", "k", *scored(FEW))], ("ZREM", "k", "item:2")),
    "ZREM of a wide one": Case([("ZADD", "k", *scored(100, WIDE + b"%d"))], ("ZREM", "k", WIDE + b"7")),
    "ZREM of many": Case([("ZADD", "k", *scored(MANY))], ("ZREM", "k", "item:2", "item:3"), is_many=True),
    "ZREM of all": Case([("ZADD", "k", 1, "a")], ("ZREM", "k", "a")),
    "ZPOPMIN": Case([("ZADD", "k", *scored(FEW))], ("ZPOPMIN", "k")),
    "ZPOPMIN of many": Case([("ZADD", "k", *scored(MANY))], ("ZPOPMIN", "k", 100)),
    "ZPOPMAX of a wide one": Case([("ZADD", "k", *scored(100, WIDE + b"%d"))], ("ZPOPMAX", "k", 3)),
    "ZREMRANGEBYRANK": Case([("ZADD", "k", *scored(MANY))], ("ZREMRANGEBYRANK", "k", 10, 100)),
    "ZUNIONSTORE": Case(
        [("ZADD", "k", *scored(MANY)), ("ZADD", "l", 1, "a")], ("ZUNIONSTORE", "l", 2, "k", "l"), ("k", "l")
    ),
    "GEOADD": Case([("GEOADD", "k", 1, 2, "a")], ("GEOADD", "k", 3, 4, "b")),
    # ---- streams
    "XADD to one": Case(ROWS[:1], ("XADD", "k", "900-1", "f", "v")),
    "XADD to many": Case(ROWS, ("XADD", "k", "900-1", "f", "v")),
    "XADD of a new node": Case(ROWS[:100], ("XADD", "k", "900-1", "f", "v")),
    "XADD that trims": Case(ROWS, ("XADD", "k", "MAXLEN", 10, "900-1", "f", "v"), is_many=True),
    "XADD to shared nodes": Case([*ROWS[:20], ("COPY", "k", "l")], ("XADD", "k", "900-1", "f", "v"), ("k", "l")),
    "XDEL": Case(ROWS[:20], ("XDEL", "k", "5-1")),
    "XDEL of all": Case(ROWS[:1], ("XDEL", "k", "1-1")),
    "XDEL of several": Case(ROWS[:20], ("XDEL", "k", "5-1", "6-1"), is_many=True),
    "XTRIM": Case(ROWS, ("XTRIM", "k", "MAXLEN", 20)),
    "XTRIM by an ID": Case(ROWS, ("XTRIM", "k", "MINID", "110-1")),
    "XTRIM of shared nodes": Case([*ROWS, ("COPY", "k", "l")], ("XTRIM", "k", "MAXLEN", 20), ("k", "l")),
    "XGROUP CREATE": Case(ROWS[:5], ("XGROUP", "CREATE", "k", "g", 0)),
    "XREADGROUP": Case(
        [*ROWS[:5], ("XGROUP", "CREATE", "k", "g", 0)],
        ("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "STREAMS", "k", ">"),
    ),
    "XACK": Case(
        [*ROWS[:5], ("XGROUP", "CREATE", "k", "g", 0), ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">")],
        ("XACK", "k", "g", "2-1"),
    ),
    "XCLAIM": Case(
        [*ROWS[:5], ("XGROUP", "CREATE", "k", "g", 0), ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">")],
        ("XCLAIM", "k", "g", "d", 0, "2-1"),
    ),
}


def words_of(words: tuple[str | bytes | int, ...]) -> tuple[bytes, ...]:
    """Return the items of a request as bytes."""
    return tuple(word if isinstance(word, bytes) else str(word).encode() for word in words)


def dumped(requests: list[tuple[str | bytes | int, ...]]) -> bytes:
    """What DUMP makes of the key of these requests."""
    session = InProcessServer().session()
    for words in requests:
        session.do(*words_of(words))
    return session.do("DUMP", "k").partition(b"\r\n")[2][:-2]


for kind, before in VALUES.items():
    CASES[f"RESTORE of {kind}"] = Case([], ("RESTORE", "k", 0, dumped(before)))
    CASES[f"RESTORE over {kind}"] = Case(
        before, ("RESTORE", "k", LATER, dumped([("HSET", "k", *pairs_of(FEW))]), "REPLACE", "ABSTTL")
    )
CASES["RESTORE of a stream with groups"] = Case([], ("RESTORE", "k", 0, dumped(CASES["XACK"].before)))
MUCH = 520  # elements of a container that a snapshot writes in slices
SCORES = 4200
GROUP: list[tuple[str | bytes | int, ...]] = [
    *[("XADD", "k", f"{i}-1", "f", "v" * 20) for i in range(1, MUCH)],
    ("XGROUP", "CREATE", "k", "g", 0),
    ("XREADGROUP", "GROUP", "g", "c", "COUNT", 600, "STREAMS", "k", ">"),
]
AMID_A_SAVE = {
    "SET": Case([("SET", "k", "v")], ("SET", "k", "w")),
    "INCR": Case([("SET", "k", 10**12)], ("INCR", "k")),
    "DEL": Case([("SADD", "k", *LONG)], ("DEL", "k")),
    "PEXPIREAT": Case([("SET", "k", "v")], ("PEXPIREAT", "k", LATER)),
    "RENAME": Case([("HSET", "k", *pairs_of(MUCH)), ("SET", "l", "w")], ("RENAME", "k", "l"), ("k", "l"), moves=True),
    "FLUSHALL": Case([("HSET", "k", *pairs_of(MUCH)), ("SET", "l", "w")], ("FLUSHALL",), ("k", "l")),
    "key that is due": Case([("SADD", "k", *LONG), ("PEXPIREAT", "k", SOON)], ("GET", "k"), later_ms=2000),
    "SETRANGE": Case([("SETRANGE", "k", 700_000, "w")], ("SETRANGE", "k", 300_000, "v" * 3000)),
    "APPEND": Case([("SETRANGE", "k", 700_000, "w")], ("APPEND", "k", "v" * 3000)),
    "LSET": Case([("RPUSH", "k", *NODES)], ("LSET", "k", 700, "v"), moves=True),
    "LTRIM": Case([("RPUSH", "k", *NODES)], ("LTRIM", "k", 100, -100), moves=True),
    "LPUSH": Case([("RPUSH", "k", *NODES)], ("LPUSH", "k", "v"), moves=True),
    "HSET to a few": Case([("HSET", "k", *pairs_of(FEW))], ("HSET", "k", "new", "v")),
    "HSET": Case([("HSET", "k", *pairs_of(MUCH))], ("HSET", "k", "new", "v")),
    "HSET over one": Case([("HSET", "k", *pairs_of(MUCH))], ("HSET", "k", "item:7", "v" * 200)),
    "HDEL": Case([("HSET", "k", *pairs_of(MUCH))], ("HDEL", "k", "item:7")),
    "HPEXPIREAT": Case([timed(MUCH, LATER)], ("HPEXPIREAT", "k", SOON, "FIELDS", 1, "item:7")),
    "SADD": Case([("SADD", "k", *[b"item:%d" % i for i in range(MUCH)])], ("SADD", "k", "new")),
    "SREM": Case([("SADD", "k", *[b"item:%d" % i for i in range(MUCH)])], ("SREM", "k", "item:7")),
    "ZADD to some": Case([("ZADD", "k", *scored(MUCH))], ("ZADD", "k", 2.5, "new")),
    "ZADD": Case([("ZADD", "k", *scored(SCORES))], ("ZADD", "k", 2.5, "new")),
    "ZPOPMIN": Case([("ZADD", "k", *scored(SCORES))], ("ZPOPMIN", "k")),
    "XADD": Case(GROUP, ("XADD", "k", "9000-1", "f", "v")),
    "XTRIM": Case(GROUP, ("XTRIM", "k", "MAXLEN", 20)),
    "XACK": Case(GROUP, ("XACK", "k", "g", "5-1")),
    "XREADGROUP": Case(GROUP, ("XREADGROUP", "GROUP", "g", "d", "COUNT", 1, "STREAMS", "k", ">")),
}
for kind, case in AMID_A_SAVE.items():
    CASES[f"{kind} before a save"] = case._replace(saved=0)
    CASES[f"{kind} amid a save"] = case._replace(saved=3)
WAITING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "BLPOP": (("BLPOP", "k", "0"), ("RPUSH", "k", "v")),
    "BLMPOP": (("BLMPOP", "0", "2", "j", "k", "LEFT"), ("RPUSH", "k", "v")),
    "BZPOPMIN": (("BZPOPMIN", "k", "0"), ("ZADD", "k", "1", "v")),
    "XREAD": (("XREAD", "BLOCK", "0", "STREAMS", "k", "$"), ("XADD", "k", "1-1", "f", "v")),
}


class Quiet:
    """A log that keeps nothing."""

    def error(self, event: str, **fields: object) -> None:
        """A command, or a connection, has failed."""

    info = warning = error


class Transport:
    """A client's connection, as far as it is told that it has ended."""

    def __init__(self) -> None:
        self.is_broken = False

    def break_off(self) -> None:
        """It has ended."""
        self.is_broken = True

    def wake(self) -> None:
        """It may go on."""

    def drain(self) -> None:
        """There is something to be sent."""


class Told(EffectStream):
    """What is told of how to repeat changes.

    Attributes:
        is_lost: that something was left out was told, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_lost = False

    def lose(self) -> None:
        """Something is left out."""
        self.is_lost = True

    def renew(self) -> bytes:
        """Begin anew; return what was told until now."""
        told = b"".join(self.take())
        self.selected = UNKNOWN_DATABASE
        self.is_lost = False
        return told


class Save:
    """A snapshot of all data as they are when it is begun, of which so many blocks are written at once."""

    def __init__(self, server: Server, count: int) -> None:
        self.databases = server.state.databases.existing()
        self.digest = of_databases(self.databases)
        self.writer = SnapshotWriter(Header(True, {}, []), self.databases)
        self.coming = self.writer.blocks()
        self.written = [bytes(block) for block in islice(self.coming, count)]

    def check(self) -> None:
        """What it becomes is what there was, or it fails; nothing stays of it."""
        try:
            self.written += map(bytes, self.coming)
        except MemoryError:
            self.writer.records.error = None  # of such errors Python has but a few in reserve
            return
        finally:
            self.writer.end()
            assert not any(db.changes.held or db.table.watcher for db in self.databases)
        blocks = iter([b"".join(self.written)])
        read = Databases(16, ManualClock(BEGIN_MS))
        for index, key, value, deadline_ms in SnapshotReader(lambda _: next(blocks, b""), EncodingLimits()).records():
            read.get(index).implant(key, value, deadline_ms)
        assert of_databases(read.existing()) == self.digest


class Server(InProcessServer):
    """A server that can be starved."""

    def __init__(self) -> None:
        super().__init__()
        self.state.log = Quiet()
        self.state.let_clients_in = lambda: True
        self.told = Told()
        self.engine.add_sink(self.told)

    def connect(self) -> Session:
        """Return a new client with a connection."""
        session = self.session()
        session.client.transport = Transport()
        return session

    def leave(self, session: Session) -> None:
        """A client's connection has ended."""
        session.client.transport = None
        session.client.is_closing = True
        self.state.leave(session.client)
        self.state.pushed.clear()

    def starve(self, session: Session, data: bytes, number: int, most: int = 1) -> bytes | None:
        """Let `most` allocations fail after `number` others, 0 all; return the reply, None if the connection ends."""
        reader, engine, client = RequestReader(), self.engine, session.client
        reply: bytes | None = None
        _testcapi.set_nomemory(number + 1, number + 1 + most if most else 0)
        try:
            for args in reader.feed(data, len(data)):
                engine.begin_turn()
                engine.execute(client, args)
            reply = engine.out.take()
        except Exception:
            reply = None
            _testcapi.remove_mem_hooks()
            engine.abandon()
        finally:
            _testcapi.remove_mem_hooks()
        return None if client.transport.is_broken else reply


def is_failure(reply: bytes | None, right: bytes | None) -> bool:
    """Did the connection end, or the request by an error that it does not deserve?"""
    return reply is None or (reply[:1] == b"-" and reply != right)


def following(number: int) -> int:
    """The allocation that fails next. To plain Python every count is one: a sample of them must do."""
    return number + 1 if IS_COMPILED else number + max(61, number // 4)


State = dict[Any, Any]


def parts_of(value: Any, digest: int, now_ms: int) -> State:
    """A value's elements but those that are due, with all that belongs to each; what has no names is one part."""
    if type(value) is Hash:
        return {field: (text, value.deadline(field)) for field, text in value.live(now_ms).items()}
    if type(value) is Set:
        return dict.fromkeys(value.names())
    if type(value) is SortedSet:
        return dict(value.to_dict())
    if type(value) is Stream:
        return {None: value.entries_added, **dict(value.range(0, (1 << 128) - 1)), **groups_of(value)}
    return {None: digest}


def groups_of(value: Stream) -> State:
    """What is pending of a stream, with the places of its groups."""
    found: State = {}
    for name, group in value.sorted_groups():
        found[name] = group.last_delivered_id, group.entries_read
        own: State = {}
        for consumer in group.sorted_consumers():
            for entry in consumer.pending.after(0, -1):
                own[name, entry.entry_id] = consumer.name, entry.delivery_time_ms, entry.delivery_count
        assert [(name, entry.entry_id) for entry in group.pending.after(0, -1)] == sorted(own)
        found |= own
    return found


def state_of(other: Session, case: Case) -> State:
    """Return what the keys are, their elements and deadlines, by the names of all these."""
    databases = other.server.state.databases.existing()
    found: State = {}
    for db in databases:
        for key in db.table.keys(db.clock.now_ms):
            value = db.find(key)
            found[db.index, key] = type(value) if isinstance(value, Container) else bytes, db.deadline(key)
            found |= {
                (db.index, key, name): part
                for name, part in parts_of(value, of_value(db, key), db.clock.now_ms).items()
            }
    for name in case.keys:
        found[name] = other.do("TYPE", name)
    return found


def check_sound(server: Server) -> None:
    """The account is that of what is there, and all that has a deadline goes in time."""
    for db in server.state.databases.existing():
        check_account(db)
    server.clock.now_ms = AFTER_ALL
    for db in server.state.databases.existing():
        while (due := db.deadlines.pop_due(db.clock.now_ms)) is not None:
            db.visit(due[1], 0, len(due[1]), due[0], Histogram())
        for key in db.table.keys(db.clock.now_ms):
            value = db.find(key)
            assert type(value) is not Hash or value.deadlines is None, "a deadline without a ticket"
        assert db.table.volatile == 0
        assert db.volatile_containers == 0
    server.clock.now_ms = BEGIN_MS


def check_account(db: Keyspace) -> None:
    """Nothing is counted that is not there, nor is anything left out."""
    if db.account is None:
        return
    db.account.sync()
    charged = 0
    for key in db.table.keys(0):
        db.table.seek(key)
        value = db.table.object()
        if isinstance(value, Container):
            assert value.charge
            charged += value.charge
        elif type(value) is bytearray:
            charged += db.account.buffers[key]
        elif value is not None:
            charged += object_size(value)
    assert charged == db.account.charged
    assert len(db.account.buffers) <= len(db)
    assert db.account.used == charged + db.table.memory + db.deadlines.memory_usage()


def prepare(other: Session, case: Case) -> State:
    """Put the data in place; return its state."""
    other.do("FLUSHALL")
    other.server.clock.now_ms = BEGIN_MS
    for words in case.before:
        reply = other.do(*words_of(words))
        assert reply[:1] != b"-", reply
    other.server.clock.now_ms += case.later_ms
    return state_of(other, case)


def is_mixed(state: State, before: State, after: State) -> bool:
    """Is each part as before or as after?"""
    nothing = object()
    return all(
        state.get(name, nothing) in (before.get(name, nothing), after.get(name, nothing))
        for name in before.keys() | after.keys() | state.keys()
    )


def check_request(case: Case) -> int:
    """Whichever allocation fails, or all from one on: see `check_starved`; with an account of memory and without."""
    count = check_starved(case, 1, True)
    if IS_COMPILED:  # the reader of the plain build (hiredis) does not come back where there is no memory at all
        count += check_starved(case, 0, False)
    return count


def check_starved(case: Case, most: int, limited: bool) -> int:
    """Let each allocation fail, with `most` in a row (0: all that follow).

    The reply is right, an error or the end; the data is of before or after. What repeats the change is told where it
    was made, and only there; or it is told that there is something to tell.
    """
    server = Server()
    other, data = server.connect(), request(words_of(case.request))
    if limited:
        other.do("CONFIG", "SET", "maxmemory", "1gb")
    before = prepare(other, case)
    server.told.renew()
    right = server.starve(server.connect(), data, 10**9, 1)
    effect = server.told.renew()
    after = state_of(other, case)
    may_be_half = case.moves and not IS_COMPILED
    number, well = 0, 0
    while well < GOES_WELL:
        assert number < MOST
        assert prepare(other, case) == before, number
        server.told.renew()
        save = None if case.saved is None else Save(server, case.saved)
        session = server.connect()
        reply = server.starve(session, data, number, most)
        is_lost, told = server.told.is_lost, server.told.renew()
        assert is_failure(reply, right) or reply == right, (number, reply)
        server.leave(session)
        assert other.do("PING") == b"+PONG\r\n", number
        state = state_of(other, case)
        is_allowed = state == after or (
            is_failure(reply, right)
            and (state == before or may_be_half or (case.is_many and is_mixed(state, before, after)))
        )
        assert is_allowed, (number, reply, changes(state, before), changes(state, after))
        if save is not None:
            save.check()
        is_told = (told == effect and state == after) or (not told and state == before)
        is_uncounted = is_failure(reply, right) and not IS_COMPILED  # to Python a count is an allocation, too
        assert is_lost or is_told or is_uncounted, (number, reply, told, changes(state, before), changes(state, after))
        assert server.state.databases.get(0).opened == 0
        check_sound(server)
        well = 0 if is_failure(reply, right) else well + 1
        number = following(number)
    return number


def changes(state: State, other: State) -> State:
    """What is not the same, and as what."""
    names = sorted(
        state.keys() ^ other.keys() | {name for name in state.keys() & other.keys() if state[name] != other[name]},
        key=str,
    )
    return {name: (state.get(name, "none"), other.get(name, "none")) for name in names[:4]}


def check_waiting(name: str) -> int:
    """A client that waits gets what came, or its connection ends; nobody gets half of it or waits for what is there."""
    server = Server()
    waiting, serving = (words_of(words) for words in WAITING[name])
    other = server.connect()
    blocked, client = server.connect(), server.connect()
    blocked.do(*waiting)
    right = server.starve(client, request(serving), 10**9)
    message = blocked.messages()
    assert len(message) == 1
    number, well = 0, 0
    while well < GOES_WELL:
        assert number < MOST
        other.do("FLUSHALL")
        blocked, client = server.connect(), server.connect()
        assert blocked.do(*waiting) == b""
        reply = server.starve(client, request(serving), number)
        assert is_failure(reply, right) or reply == right, (number, reply)
        assert other.do("PING") == b"+PONG\r\n"
        assert other.do("SET", "mark", "1") == b"+OK\r\n"
        messages = blocked.messages()
        transport: Any = blocked.client.transport
        if not transport.is_broken:
            if blocked.client.blocked is None:
                assert messages == message or is_failure(b"".join(messages), message[0]), (number, messages)
            else:
                assert messages == [], number
                assert other.do("EXISTS", "k") == b":0\r\n", number
        well = 0 if is_failure(reply, right) or transport.is_broken else well + 1
        number = following(number)
        server.leave(blocked)
        server.leave(client)
        assert len(server.state.waiters) == 0
        assert not server.state.waiters.by_key, (number, reply, messages, server.state.waiters.by_key)
    return number


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(name, file=sys.stderr)
        print(check_request(CASES[name]) if name in CASES else check_waiting(name))
