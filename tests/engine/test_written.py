"""Replies that are written from where their bytes stand: they are those that EXEC writes, which makes values first."""

from __future__ import annotations

import pytest

from ..support.inprocess import InProcessServer, Session

# Integers on both sides of every width, and texts of every kind of length.
NUMBERS = [b"%d" % (sign * (1 << bits) + by) for bits in (7, 15, 23, 31, 47) for by in (-1, 0, 1) for sign in (1, -1)]
EDGES = [b"%d" % number for number in (0, 9, 10, -1, (1 << 63) - 1, -(1 << 63), 1 << 63)]
TEXTS = [b"x" * length for length in (0, 1, 9, 10, 99, 100, 247, 248, 300, 1000)]
WORDS = [*NUMBERS, *EDGES, *TEXTS, b"00", b"-0", b"\r\n"]
LARGE = [b"l" * 5000, b"l" * 9000, b"l" * 70_000]
SCORES = [0, 1, -1, 1 << 40, 1.5, -2.25, 3e17, "inf", "-inf", *range(20, 44)]


def filled() -> Session:
    """A client of a server with a key of each kind: packed (p), and large (l)."""
    session = InProcessServer().session()
    session.do(b"RPUSH", b"p:list", *WORDS)
    session.do(b"RPUSH", b"l:list", *WORDS * 40, *LARGE, *WORDS)
    pairs = [part for i, word in enumerate(WORDS) for part in (word, WORDS[-i])]
    session.do(b"HSET", b"p:hash", *pairs)
    session.do(b"HSET", b"l:hash", *pairs, *[b"%d" % i for i in range(2000)])
    session.do(b"SADD", b"p:set", *WORDS)
    session.do(b"SADD", b"l:set", *WORDS, *[b"m%d" % i for i in range(2000)])
    for name, numbers in ((b"int8", range(3)), (b"int32", (1, 70000, -9)), (b"int64", (1 << 40, 7))):
        session.do(b"SADD", b"p:" + name, *[b"%d" % number for number in numbers])
    members = [part for i, word in enumerate(WORDS) for part in (str(SCORES[i % len(SCORES)]).encode(), word)]
    session.do(b"ZADD", b"p:zset", *members)
    session.do(b"ZADD", b"l:zset", *members, *[b"%d" % i for i in range(2000)])
    return session


REQUESTS = [
    *(f"LRANGE {key} {window}" for key in ("p:list", "l:list") for window in ("0 -1", "3 9", "-5 -1", "9 3", "40 45")),
    "LRANGE l:list 700 1800",
    "LRANGE l:list -60 -50",
    *(f"{name} {size}:hash" for name in ("HGETALL", "HKEYS", "HVALS") for size in "pl"),
    *(f"SMEMBERS {key}" for key in ("p:set", "l:set", "p:int8", "p:int32", "p:int64")),
    *(
        f"ZRANGE {size}:zset {window}"
        for size in "pl"
        for window in ("0 -1", "0 -1 WITHSCORES", "2 5 WITHSCORES", "9 3", "0 -1 REV WITHSCORES", "500 900")
    ),
    "ZRANGEBYSCORE p:zset 1 inf WITHSCORES LIMIT 2 5",
    "ZRANGEBYSCORE p:zset 1 inf LIMIT 2 500",
    "ZRANGEBYSCORE p:zset 1 inf LIMIT 200 500",
]


@pytest.mark.parametrize("protocol", [2, 3])
def test_replies_are_the_same_in_a_transaction(protocol: int) -> None:
    """Whatever the elements are, and however they are held."""
    session = filled()
    session.client.resp3 = protocol == 3
    for request in REQUESTS:
        words = request.split()
        session.do(b"MULTI")
        session.do(*words)
        assert session.do(b"EXEC") == b"*1\r\n" + session.do(*words), request


def test_scripts_get_values() -> None:
    """A script gets the elements as it always did."""
    session = filled()
    found = session.do(b"EVAL", b"return redis.call('LRANGE', KEYS[1], 0, -1)", b"1", b"l:list")
    assert found == session.do(b"LRANGE", b"l:list", b"0", b"-1")
