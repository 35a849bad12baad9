"""What is given several times in one command: it counts for the encoding where the reference lets it count."""

from __future__ import annotations

import pytest

from .pair import Pair
from .test_blocking import block, settle

LIMITS = (
    "zset-max-listpack-entries",
    "hash-max-listpack-entries",
    "set-max-listpack-entries",
    "set-max-intset-entries",
)
REPEATED: dict[str, tuple[str, ...]] = {
    "ZADD": ("ZADD", "k", *["1", "a"] * 6),
    "ZADD NX": ("ZADD", "k", "NX", *["1", "a"] * 6),
    "ZADD XX": ("ZADD", "k", "XX", *["1", "a"] * 6),
    "GEOADD": ("GEOADD", "k", *["1", "1", "a"] * 6),
    "GEOADD XX": ("GEOADD", "k", "XX", *["1", "1", "a"] * 6),
    "HSET": ("HSET", "k", *["a", "1"] * 6),
    "HMSET": ("HMSET", "k", *["a", "1"] * 6),
    "HSETEX": ("HSETEX", "k", "FIELDS", "6", *["a", "1"] * 6),
    "HSETEX EX": ("HSETEX", "k", "EX", "100", "FIELDS", "6", *["a", "1"] * 6),
    "HSETEX of several": ("HSETEX", "k", "FIELDS", "6", *[word for i in "abcdef" for word in (i, "1")]),
    "SADD": ("SADD", "k", *["a"] * 6),
    "SADD of numbers": ("SADD", "k", *["1"] * 6),
    "SADD of both": ("SADD", "k", "a", *["1"] * 6),
    "RPUSH": ("RPUSH", "k", *["a"] * 6),
}
BEFORE: dict[str, tuple[str, ...]] = {
    "Z": ("ZADD", "k", "1", "a"),
    "G": ("ZADD", "k", "1", "a"),
    "H": ("HSET", "k", "a", "0"),
    "S": ("SADD", "k", "1"),
    "R": ("RPUSH", "k", "a"),
}


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "existing"])
@pytest.mark.parametrize("name", REPEATED)
def test_encoding(resp2_pair: Pair, name: str, is_there: bool) -> None:
    """The encoding afterwards, of a new key and of one that is there."""
    olds = {limit: resp2_pair.do("CONFIG", "GET", limit).value[1].value for limit in LIMITS}
    try:
        for limit in LIMITS:
            resp2_pair.do("CONFIG", "SET", limit, 4)
        if is_there:
            resp2_pair.do(*BEFORE[name[0]])
        resp2_pair.do(*REPEATED[name])
        resp2_pair.do("OBJECT", "ENCODING", "k")
    finally:
        for limit, old in olds.items():
            resp2_pair.do("CONFIG", "SET", limit, old)


def test_group_that_is_set_back_wakes_nobody(pair: Pair) -> None:
    """A client that waits for entries of a group is served by a new one, and gets the old ones with it."""
    pair.do("XADD", "k", "1-1", "f", "v")
    pair.do("XGROUP", "CREATE", "k", "g", "$")
    waiting = block(pair, "waiting", "XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "k", ">")
    pair.do("XGROUP", "SETID", "k", "g", "0")
    settle(pair)
    pair.do("XADD", "k", "2-1", "f", "v")
    waiting.receive()
