"""OBJECT ENCODING under random changes: the reference's at every step, for every type and across its limits."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator

import pytest

from ..support.servers import Servers
from ..support.wire import Argument, Reply
from .pair import Pair

STEPS = 400
NODES = re.compile(rb"ql_nodes:(\d+)")
INTEGERS = (0, 7, 127, 128, -1, 4095, -4097, 70_000, 2**40, -(2**63), 2**63 - 1)
KEYS = (b"k", b"k", b"k", b"m")
Request = tuple[Argument, ...]


def nodes(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """A matcher: both lists have as many nodes."""
    expected, found = (NODES.search(reply.value) for reply in (reference, subject))
    if expected is None or found is None or expected[1] != found[1]:
        yield f"{path}: {reference.value!r} and {subject.value!r}"


class Draw(random.Random):
    """What requests are made of."""

    lengths: tuple[int, ...] = (1, 5, 63, 64, 65, 200)
    names = 40

    def key(self) -> bytes:
        """One of two keys."""
        return self.choice(KEYS)

    def value(self) -> bytes:
        """An integer now and then, or one of a few texts of one of the lengths."""
        if self.randrange(4) == 0:
            return b"%d" % self.choice(INTEGERS)
        return self.choice([b"a", b"b", b"c"]) * self.choice(self.lengths)

    def values(self) -> list[bytes]:
        """Several of them."""
        return [self.value() for _ in range(self.randrange(1, 12))]

    def name(self) -> bytes:
        """One of some names, few of which are long."""
        name = b"name:%d" % self.randrange(self.names)
        return name.ljust(self.choice([64, 65])) if self.randrange(100) == 0 else name

    def some_names(self) -> list[bytes]:
        """Several of them."""
        return [self.name() for _ in range(self.randrange(1, 6))]

    def member(self) -> bytes:
        """An integer in most cases, or a name."""
        return self.name() if self.randrange(20) == 0 else b"%d" % self.randrange(self.names)


def list_request(draw: Draw) -> Request:
    """A change of a list, in any way."""
    key, index = draw.key(), draw.choice([0, 1, 2, -1, -2, draw.randrange(-60, 60)])
    sides = draw.choices(["LEFT", "RIGHT"], k=2)
    where = draw.choice(["BEFORE", "AFTER"])
    return draw.choice(
        [
            ("LPUSH", key, draw.value()),
            ("RPUSH", key, draw.value()),
            ("LPUSH", key, *draw.values()),
            ("RPUSH", key, *draw.values()),
            ("LPOP", key),
            ("RPOP", key),
            ("LPOP", key, draw.randrange(6)),
            ("RPOP", key, draw.randrange(6)),
            ("LSET", key, index, draw.value()),
            ("LSET", key, index, draw.value()),
            ("LINSERT", key, where, draw.value(), draw.value()),
            ("LINSERT", key, where, draw.value(), draw.value()),
            ("LREM", key, draw.randrange(-3, 4), draw.value()),
            ("LTRIM", key, draw.choice([0, 0, 1, draw.randrange(8)]), -draw.choice([1, 1, 2, draw.randrange(8)])),
            ("LMOVE", key, draw.key(), *sides),
            ("COPY", "k", "m", "REPLACE"),
            ("SORT", "k", "ALPHA", "STORE", "m"),
            ("RENAME", "k", "m"),
        ]
    )


def hash_request(draw: Draw) -> Request:
    """A change of a hash; those that make it large are rare, for it stays so."""
    key, field = draw.key(), draw.name()
    if draw.randrange(60) == 0:
        return draw.choice([("DEL", key), ("HSET", key, field, b"x" * 65), ("HEXPIRE", key, 1000, "FIELDS", 1, field)])
    short = b"v%d" % draw.randrange(9)
    return draw.choice(
        [
            ("HSET", key, field, short),
            ("HSET", key, *[part for name in draw.some_names() for part in (name, short)]),
            ("HSETNX", key, field, short),
            ("HDEL", key, *draw.some_names()),
            ("HDEL", key, *draw.some_names()),
            ("HINCRBY", key, b"n" + field, draw.randrange(-9, 9)),
            ("COPY", "k", "m", "REPLACE"),
            ("RENAME", "k", "m"),
        ]
    )


def set_request(draw: Draw) -> Request:
    """A change of a set, of integers or not."""
    key, member = draw.key(), draw.member()
    if draw.randrange(40) == 0:
        return ("DEL", key)
    return draw.choice(
        [
            ("SADD", key, member),
            ("SADD", key, *[draw.member() for _ in range(draw.randrange(1, 9))]),
            ("SREM", key, member),
            ("SREM", key, *[draw.member() for _ in range(draw.randrange(1, 9))]),
            ("SMOVE", "k", "m", member),
            ("SUNIONSTORE", "m", "k", "m"),
            ("SINTERSTORE", "m", "k", "m"),
            ("SDIFFSTORE", "m", "k", "m"),
            ("COPY", "k", "m", "REPLACE"),
            ("RENAME", "m", "k"),
        ]
    )


def sorted_set_request(draw: Draw) -> Request:
    """A change of a sorted set."""
    key, member = draw.key(), draw.name()
    score = draw.choice([1, 2.5, -3, 10**17, draw.randrange(100)])
    if draw.randrange(40) == 0:
        return draw.choice([("DEL", key), ("SORT", key, "ALPHA")])
    return draw.choice(
        [
            ("ZADD", key, score, member),
            ("ZADD", key, *[part for name in draw.some_names() for part in (score, name)]),
            ("ZINCRBY", key, 1.5, member),
            ("ZREM", key, *draw.some_names()),
            ("ZPOPMIN", key, draw.randrange(3)),
            ("ZREMRANGEBYRANK", key, -2, -1),
            ("ZUNIONSTORE", "m", 2, "k", "m"),
            ("ZRANGESTORE", "m", "k", 0, draw.randrange(-5, 30)),
            ("COPY", "k", "m", "REPLACE"),
            ("RENAME", "m", "k"),
        ]
    )


def string_request(draw: Draw) -> Request:
    """A change of a string (a SETBIT that changes nothing makes a short one raw there: history, which we have not)."""
    key = draw.key()
    text = draw.choice([b"x" * draw.choice([0, 1, 43, 44, 45, 200]), b"%d" % draw.choice(INTEGERS), b"007", b"1.5"])
    return draw.choice(
        [
            ("SET", key, text),
            ("SETEX", key, 1000, text),
            ("GETSET", key, text),
            ("MSET", "k", text, "m", text),
            ("APPEND", key, text),
            ("SETRANGE", key, draw.randrange(50), text),
            ("INCR", key),
            ("INCRBYFLOAT", key, 1.5),
            ("COPY", "k", "m", "REPLACE"),
            ("DEL", key),
        ]
    )


def play(pair: Pair, draw: Draw, request: Callable[[Draw], Request], has_nodes: bool = False) -> None:
    """Make random changes, and look at both keys after each of them."""
    for _ in range(STEPS):
        pair.do(*request(draw))
        for key in ("k", "m"):
            if pair.do("OBJECT", "ENCODING", key).value == b"quicklist" and has_nodes:
                pair.do("DEBUG", "OBJECT", key, match=nodes)


@pytest.fixture
def debug_pair(debuggable: Servers) -> Iterator[Pair]:
    """Connections to both servers, empty, with DEBUG enabled."""
    with contextlib.closing(Pair(debuggable, 2)) as opened:
        yield opened


@pytest.mark.parametrize("size", [-2, -1, -5, 0, 1, 2, 3, 16, 128, 100_000])
@pytest.mark.parametrize("seed", range(3))
def test_lists_have_the_references_nodes(debug_pair: Pair, size: int, seed: int) -> None:
    """However a list changes, its encoding and the number of its nodes are the reference's, and so are its elements."""
    draw = Draw(seed)
    draw.lengths = draw.choice([(1, 5, 60, 300), (1, 200, 1000), (1, 60, 1000, 4000), (1, 100, 4000, 8180, 8200, 9000)])
    if size == -5:
        draw.lengths = (1, 1000, 30000, 66000)
    with debug_pair.configured(list_max_listpack_size=size):
        play(debug_pair, draw, list_request, has_nodes=True)
        debug_pair.do("LRANGE", "k", 0, -1)
        debug_pair.do("LRANGE", "m", 0, -1)


@pytest.mark.parametrize("sizes", [(2, -2), (-1, 3), (128, 1)])
def test_a_list_keeps_the_limits_that_it_began_with(debug_pair: Pair, sizes: tuple[int, int]) -> None:
    """Nodes are filled by the limits of the time at which there were first several of them."""
    draw = Draw(7)
    draw.lengths = (1, 60, 300)
    for size in sizes * 3:
        with debug_pair.configured(list_max_listpack_size=size):
            play(debug_pair, draw, list_request, has_nodes=True)


@pytest.mark.parametrize("request_of", [hash_request, set_request, sorted_set_request, string_request])
@pytest.mark.parametrize("most", [1, 8, 20])
def test_encodings_change_where_the_references_do(resp2_pair: Pair, request_of: Callable, most: int) -> None:
    """However a value changes, its encoding is the reference's."""
    limits = {f"{name}_max_listpack_entries": most for name in ("hash", "set", "zset")} | {
        "set_max_intset_entries": most + 4
    }
    with resp2_pair.configured(**limits):
        play(resp2_pair, Draw(most), request_of)
