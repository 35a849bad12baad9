"""The sorted-set commands, one script each for what they promise, then random scripts over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.wire import Reply
from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import items, unordered
from .pair import Pair

SCRIPTS = {
    "add": """
        ZADD k 1 a
        ZADD k 2 a
        ZADD k 2 a
        ZADD k 1 a 2 b 3 c
        ZADD k CH 5 a 2 b 9 d
        ZADD k NX 7 a 7 e
        ZADD k XX 7 a 7 f
        ZADD k XX CH 8 a 7 f
        ZADD k GT CH 1 a 9 b 1 g
        ZADD k LT CH 9 a 1 b 1 h
        ZADD k GT XX CH 100 a 100 nobody
        ZADD k INCR 1.5 a
        ZADD k NX INCR 1 a
        ZADD k NX INCR 1 new
        ZADD k XX INCR 1 nobody
        ZADD k GT INCR -1 a
        ZADD k LT INCR -1 a
        ZADD k GT INCR 0 a
        ZADD k incr ch 1 a
        ZADD missing XX 1 a
        ZADD missing XX INCR 1 a
        EXISTS missing
        ZRANGE k 0 -1 WITHSCORES
        ZINCRBY k 2.5 a
        ZINCRBY k -1 fresh
        ZINCRBY new 3 a
    """,
    "add refuses": """
        ZADD k inf i
        ZADD k
        ZADD k 1
        ZADD k NX 1
        ZADD k NX XX
        ZADD k NX XX 1 a
        ZADD k XX NX 1 a 2
        ZADD k GT LT 1 a
        ZADD k NX GT 1 a
        ZADD k NX LT GT XX 1 a
        ZADD k INCR 1 a 2 b
        ZADD k 1 a 2
        ZADD k x a
        ZADD k 1 a x b
        ZADD k nan a
        ZADD k " 1" a
        ZADD k "" a
        ZADD k 1e400 a
        ZADD k 0x10 a
        ZADD k INCR -inf i
        ZINCRBY k -inf i
        ZINCRBY k x a
        ZINCRBY k nan a
        SET str x
        ZADD str x a
        ZADD str 1 a
        ZADD str XX 1 a
        ZINCRBY str x a
        ZINCRBY str 1 a
        ZRANGE k 0 -1
        ZADD nothing x a
        EXISTS nothing
    """,
    "scores": """
        ZADD k 0.1 a 3.0 b 1e20 c -1.5e-7 d inf e -inf f 17179869184.5 g 4611686018427387905 h 3.1 i
        ZRANGE k 0 -1 WITHSCORES
        ZSCORE k a
        ZSCORE k missing
        ZSCORE missing a
        ZMSCORE k a b nothing c
        ZMSCORE missing a b
        ZMSCORE k
        ZINCRBY k 0.2 a
        ZSCAN k 0
        ZADD n -0 a
        ZSCORE n a
        ZINCRBY n -0 b
        ZSCORE n b
        ZADD n INCR -0 c
        ZADD n -0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        ZADD n -0 d 3.1 e
        ZRANGE n 0 -1 WITHSCORES
        ZSCAN n 0 COUNT 100 MATCH a
        ZSCAN n 0 COUNT 100 MATCH aa*
        ZSCAN n 0 COUNT 100 MATCH b
        ZSCAN n 0 COUNT 100 MATCH e
        ZUNIONSTORE d 1 n WEIGHTS -1
        ZRANGE d 0 -1 WITHSCORES
        ZREM n aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        ZUNION 1 n WEIGHTS -1 WITHSCORES
        ZUNIONSTORE d 1 n WEIGHTS -1
        OBJECT ENCODING d
        ZRANGE d 0 -1 WITHSCORES
        ZRANGESTORE d n 0 -1
        OBJECT ENCODING d
        ZRANGE d 0 -1 WITHSCORES
        SET str x
        ZSCORE str a
        ZMSCORE str a
        ZCARD str
        ZCARD k
        ZCARD missing
    """,
    "ranks": """
        ZADD k 1 a 2 b 2 c 3 d
        ZRANK k a
        ZRANK k c
        ZREVRANK k a
        ZRANK k d WITHSCORE
        ZREVRANK k d withscore
        ZRANK k nobody
        ZRANK k nobody WITHSCORE
        ZRANK missing a
        ZRANK missing a WITHSCORE
        ZRANK k a FOO
        ZRANK k a WITHSCORE x
        ZREVRANK k a WITHSCORE x
        ZREVRANK k a FOO
        SET str x
        ZRANK str a
        ZRANK str a FOO
    """,
    "ranges by rank": """
        ZADD k 1 a 2 b 3 c 4 d
        ZRANGE k 0 -1
        ZRANGE k 1 2 WITHSCORES
        ZRANGE k -2 -1
        ZRANGE k 3 1
        ZRANGE k -100 100
        ZRANGE k 9 10
        ZRANGE k 0 -1 REV
        ZRANGE k 0 1 REV WITHSCORES
        ZRANGE k 0 -1 WITHSCORES WITHSCORES
        ZREVRANGE k 0 1
        ZREVRANGE k -2 -1 WITHSCORES
        ZREVRANGE k 0 -1 REV
        ZRANGE missing 0 -1
        ZRANGE missing 0 -1 WITHSCORES
        ZRANGE k 0 -1 LIMIT 0 1
        ZRANGE k 0 -1 LIMIT 0 -1
        ZRANGE k 0 -1 LIMIT 2 -1
        ZRANGE k 0 -1 LIMIT x -1
        ZRANGE k 0 -1 LIMIT 0
        ZRANGE k 0 -1 FOO
        ZRANGE k 0 x
        ZRANGE k 1.5 2
        ZREVRANGE k 0 -1 LIMIT 0 1
        ZREVRANGE k 0 -1 BYSCORE
        SET str x
        ZRANGE str 0 x
        ZRANGE str 0 -1
    """,
    "ranges by score": """
        ZADD k 1 a 2 b 2 c 3 d 10 e
        ZRANGE k 2 3 BYSCORE
        ZRANGE k (2 +inf BYSCORE WITHSCORES
        ZRANGE k (2 (3 BYSCORE
        ZRANGE k 3 2 BYSCORE REV
        ZRANGE k 2 3 BYSCORE REV
        ZRANGE k +inf -inf BYSCORE REV LIMIT 1 2 WITHSCORES
        ZRANGE k -inf +inf BYSCORE LIMIT 1 2
        ZRANGE k -inf +inf BYSCORE LIMIT 1 -2
        ZRANGE k -inf +inf BYSCORE LIMIT -1 2
        ZRANGE k -inf +inf BYSCORE LIMIT 9 2
        ZRANGE k -inf +inf BYSCORE LIMIT 0 0
        ZRANGE k -inf +inf BYSCORE LIMIT 9223372036854775807 9223372036854775807
        ZRANGE k 0 9 BYSCORE REV REV
        ZRANGE k 0 9 BYSCORE BYSCORE
        ZRANGE k 0 9 BYSCORE BYLEX
        ZRANGEBYSCORE k 2 3
        ZRANGEBYSCORE k 2 3 WITHSCORES LIMIT 1 1
        ZRANGEBYSCORE k 2 3 LIMIT 1 1 WITHSCORES
        ZRANGEBYSCORE k 2 3 REV
        ZREVRANGEBYSCORE k 3 2 WITHSCORES
        ZREVRANGEBYSCORE k 3 (2
        ZREVRANGEBYSCORE k +inf -inf LIMIT 1 2
        ZCOUNT k 2 3
        ZCOUNT k (1 (10
        ZCOUNT k 3 2
        ZCOUNT missing 1 2
        ZCOUNT missing x 2
        ZRANGEBYSCORE missing 1 2
        ZRANGEBYSCORE missing 1 x
        SET str x
        ZCOUNT str x 2
        ZCOUNT str 1 2
        ZRANGEBYSCORE str 1 2
        ZCOUNT k "" 1
        ZCOUNT k ( 1
        ZCOUNT k " 1" 1
        ZCOUNT k "1 " 1
        ZCOUNT k 0x1 10
        ZCOUNT k +1 10
        ZCOUNT k infinity 10
        ZCOUNT k nan 10
        ZCOUNT k (nan 10
        ZCOUNT k 1e400 10
        ZCOUNT k -1e400 10
        ZCOUNT k 1e-400 10
        ZCOUNT k (-inf (+inf
        ZCOUNT k ((1 10
        ZCOUNT k 1. 10
        ZCOUNT k .5 10
        ZCOUNT k . 10
        ZCOUNT k 1e 10
        ZCOUNT k 1_0 10
        ZCOUNT k InF 10
        ZCOUNT k "\\x00" 10
        ZCOUNT k "(1\\x00x" "3\\x00"
        ZCOUNT k "x\\x00" 3
        ZCOUNT k - +
    """,
    "ranges by member": """
        ZADD k 0 a 0 b 0 c 0 d 0 ""
        ZRANGE k - + BYLEX
        ZRANGE k [b (d BYLEX
        ZRANGE k (a [c BYLEX LIMIT 1 1
        ZRANGE k + - BYLEX REV
        ZRANGE k - + BYLEX REV
        ZRANGE k [c [a BYLEX REV LIMIT 0 2
        ZRANGE k - + BYLEX WITHSCORES
        ZRANGE k - + BYLEX LIMIT -1 2
        ZRANGEBYLEX k [b +
        ZRANGEBYLEX k [ [
        ZRANGEBYLEX k ( +
        ZRANGEBYLEX k - (
        ZRANGEBYLEX k + -
        ZRANGEBYLEX k + +
        ZRANGEBYLEX k - -
        ZRANGEBYLEX k [z +
        ZRANGEBYLEX k [b [b
        ZRANGEBYLEX k (b [b
        ZRANGEBYLEX k [d [a
        ZRANGEBYLEX k a b
        ZRANGEBYLEX k [a -b
        ZRANGEBYLEX k - + WITHSCORES
        ZRANGEBYLEX k - + LIMIT 1 2
        ZREVRANGEBYLEX k + [b
        ZREVRANGEBYLEX k [c - LIMIT 1 5
        ZLEXCOUNT k - +
        ZLEXCOUNT k [b (d
        ZLEXCOUNT k + -
        ZLEXCOUNT k a b
        ZLEXCOUNT missing - +
        ZLEXCOUNT missing a +
        SET str x
        ZLEXCOUNT str a +
        ZLEXCOUNT str - +
        ZREMRANGEBYLEX k (a (c
        ZREMRANGEBYLEX k a b
        ZREMRANGEBYLEX missing - +
        ZREMRANGEBYLEX str a b
        ZREMRANGEBYLEX str - +
        ZRANGE k 0 -1
        ZREMRANGEBYLEX k - +
        EXISTS k
    """,
    "remove": """
        ZADD k 1 a 2 b 3 c 4 d 5 e 6 f
        ZREM k a nobody
        ZREM k
        ZREM missing a
        ZREMRANGEBYRANK k 0 0
        ZREMRANGEBYRANK k -1 -1
        ZREMRANGEBYRANK k 5 9
        ZREMRANGEBYRANK k x 1
        ZREMRANGEBYSCORE k (3 4
        ZREMRANGEBYSCORE k x 1
        ZREMRANGEBYSCORE missing 1 2
        ZRANGE k 0 -1
        ZREMRANGEBYSCORE k -inf +inf
        EXISTS k
        SET str x
        ZREM str a
        ZREMRANGEBYRANK str 0 x
        ZREMRANGEBYRANK str 0 0
        ZREMRANGEBYSCORE str 0 0
    """,
    "stored ranges": """
        ZADD k 1 a 2 b 3 c 4 d
        ZRANGESTORE d k 1 2
        ZRANGE d 0 -1 WITHSCORES
        ZRANGESTORE d k (1 +inf BYSCORE LIMIT 1 1
        ZRANGE d 0 -1 WITHSCORES
        ZRANGESTORE d k 0 1 REV
        ZRANGE d 0 -1
        ZRANGESTORE d k 9 10
        EXISTS d
        ZRANGESTORE d missing 0 -1
        ZRANGESTORE d k 0 -1 WITHSCORES
        ZRANGESTORE d k 0 -1 LIMIT 0 1
        ZRANGESTORE d k - + BYLEX
        SET str x
        ZRANGESTORE d str 0 -1
        ZRANGESTORE str k 0 -1
        TYPE str
        ZRANGESTORE k k 0 0
        ZRANGE k 0 -1
        ZRANGESTORE k missing 0 -1
        EXISTS k
    """,
    "pop": """
        ZADD k 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h
        ZPOPMIN k
        ZPOPMAX k
        ZPOPMIN k 2
        ZPOPMAX k 2
        ZPOPMIN k 0
        ZPOPMIN k -1
        ZPOPMIN k x
        ZPOPMIN k 1 2
        ZPOPMIN k 100
        EXISTS k
        ZPOPMIN k
        ZPOPMAX k 5
        ZADD k 1 a 2 b 3 c
        ZADD l 1 a 2 b 3 c
        ZMPOP 1 k MIN
        ZMPOP 2 k l MAX COUNT 2
        ZMPOP 2 k l min count 10
        ZMPOP 2 k k MIN
        ZADD l 1 a 2 b
        BZPOPMIN k l 0
        BZPOPMAX k l 0
        ZADD k 5 x 6 y
        BZMPOP 0 2 k l MAX COUNT 3
        ZMPOP 0 k MIN
        ZMPOP x k MIN
        ZMPOP 1 k
        ZMPOP 1 k FOO
        ZMPOP 1 k MIN COUNT 0
        ZMPOP 1 k MIN COUNT x
        ZMPOP 1 k MIN COUNT
        ZMPOP 1 k MIN COUNT 1 COUNT 1
        ZMPOP 3 k MIN
        BZMPOP x 1 k FOO
        BZMPOP x 1 k MIN
        BZMPOP -1 1 k MIN
        BZPOPMIN k x
        BZPOPMIN k -1
        SET str x
        ZPOPMIN str
        ZPOPMIN str 0
        ZPOPMIN str x
        ZMPOP 2 k str MIN
        BZPOPMIN k str 0
        BZPOPMIN k str -1
        BZMPOP 0 2 k str MIN
        MULTI
        BZPOPMIN k 0
        BZMPOP 0 1 k MAX
        EXEC
    """,
    "unions": """
        ZADD a 1 x 2 y 3 z
        ZADD b 10 y 20 w inf v
        SADD s x w q
        ZUNION 2 a b
        ZUNION 2 a b WITHSCORES
        ZUNION 3 a b s WITHSCORES
        ZUNION 2 a b WEIGHTS 2 0.5 WITHSCORES
        ZUNION 2 a b WITHSCORES WEIGHTS 2 0.5
        ZUNION 2 a b AGGREGATE MIN WITHSCORES
        ZUNION 2 a b AGGREGATE MAX WITHSCORES
        ZUNION 2 a b AGGREGATE sum WEIGHTS 1 -1 WITHSCORES
        ZUNION 2 b b WEIGHTS 1 -1 WITHSCORES
        ZUNION 2 a b WEIGHTS 1 0 WITHSCORES
        ZUNION 2 a a WITHSCORES
        ZUNION 2 a missing WITHSCORES
        ZUNION 1 missing
        ZUNIONSTORE d 2 a b WEIGHTS 2 3
        ZRANGE d 0 -1 WITHSCORES
        ZUNIONSTORE d 1 missing
        EXISTS d
        ZUNIONSTORE d 1 s
        ZRANGE d 0 -1 WITHSCORES
        SET str x
        ZUNION 2 missing str
        ZUNION 1 str FOO
        ZUNIONSTORE str 1 a
        TYPE str
        ZUNION 0 a
        ZUNION x a
        ZUNION 2 a
        ZUNION 1 a FOO
        ZUNION 1 a WEIGHTS
        ZUNION 2 a b WEIGHTS 1
        ZUNION 1 a WEIGHTS x
        ZUNION 1 a WEIGHTS nan
        ZUNION 1 a WEIGHTS inf WITHSCORES
        ZUNION 1 a WEIGHTS 1 WEIGHTS 2 WITHSCORES
        ZUNION 1 a AGGREGATE
        ZUNION 1 a AGGREGATE FOO
        ZUNIONSTORE d 0 a
        ZUNIONSTORE d x a
        ZUNIONSTORE d 9 a
        ZUNIONSTORE d 1 a WITHSCORES
        ZUNIONSTORE d 1 a LIMIT 1
    """,
    "intersections and differences": """
        ZADD a 1 x 2 y 3 z inf i
        ZADD b 10 y 20 x -inf i
        SADD s x y i
        ZINTER 2 a b
        ZINTER 2 a b WITHSCORES
        ZINTER 3 a b s WITHSCORES WEIGHTS 1 2 3
        ZINTER 2 a b WEIGHTS 0 1 AGGREGATE MAX WITHSCORES
        ZINTER 2 a b WEIGHTS 1 0 AGGREGATE MIN WITHSCORES
        ZINTER 2 a b WEIGHTS 1 0 WITHSCORES
        ZINTER 2 a missing
        ZINTER 1 a WITHSCORES
        ZINTER 2 a a WITHSCORES
        ZADD fractions 0.1 x 1e300 y 1e-310 z
        ZINTER 2 fractions fractions WITHSCORES
        ZINTER 3 fractions fractions fractions WEIGHTS 1 0.3 7 WITHSCORES
        ZINTER 2 fractions fractions AGGREGATE MIN WITHSCORES
        ZUNION 2 fractions fractions WEIGHTS 1 0.3 WITHSCORES
        ZDIFF 2 fractions a WITHSCORES
        DEL fractions
        ZINTERSTORE d 2 a b AGGREGATE MIN
        ZRANGE d 0 -1 WITHSCORES
        ZINTERSTORE d 2 a missing
        EXISTS d
        ZINTERCARD 2 a b
        ZINTERCARD 2 a s LIMIT 2
        ZINTERCARD 2 a b LIMIT 0
        ZINTERCARD 2 a missing
        ZINTERCARD 1 s
        ZINTERCARD 0 a
        ZINTERCARD 1 a LIMIT
        ZINTERCARD 1 a LIMIT -1
        ZINTERCARD 1 a LIMIT x
        ZINTERCARD 1 a WITHSCORES
        ZINTERCARD 1 a LIMIT 1 LIMIT 2
        ZDIFF 2 a b
        ZDIFF 2 a b WITHSCORES
        ZDIFF 2 a missing WITHSCORES
        ZDIFF 2 missing a
        ZDIFF 2 a a
        ZDIFF 2 s a WITHSCORES
        ZDIFF 1 s WITHSCORES
        ZDIFF 1 a WEIGHTS 1
        ZDIFF 0 a
        ZDIFFSTORE d 2 a b
        ZRANGE d 0 -1 WITHSCORES
        ZDIFFSTORE d 2 a a
        EXISTS d
        ZDIFFSTORE d 1 a WITHSCORES
        ZDIFFSTORE d 0 a
        SET str x
        ZDIFF 2 missing str
        ZINTER 2 missing str
        ZINTERCARD 2 missing str
        ZINTERSTORE str 1 a
        TYPE str
    """,
    "draw": """
        ZADD k 1 a 2.5 b 3 c
        shape: ZRANDMEMBER k
        shape: ZRANDMEMBER k 2
        shape: ZRANDMEMBER k 2 WITHSCORES
        shape: ZRANDMEMBER k -10
        shape: ZRANDMEMBER k -10 withscores
        unordered: ZRANDMEMBER k 3
        unordered: ZRANDMEMBER k 30 WITHSCORES
        ZRANDMEMBER k 0
        ZRANDMEMBER k x
        ZRANDMEMBER k 1 FOO
        ZRANDMEMBER k 1 WITHSCORES x
        ZRANDMEMBER k -9223372036854775808
        ZRANDMEMBER k -5000000000000000000 WITHSCORES
        ZRANDMEMBER missing 5000000000000000000 WITHSCORES
        ZRANDMEMBER missing
        ZRANDMEMBER missing 1
        ZRANDMEMBER missing 1 WITHSCORES
        SET str x
        ZRANDMEMBER str
        ZRANDMEMBER str 1
        ZRANDMEMBER str x
    """,
    "scan": """
        ZADD k 1 a 2.5 b 3.1 c
        ZSCAN k 0
        ZSCAN k 0 NOSCORES
        ZSCAN k 0 MATCH [ab] COUNT 1 NOSCORES
        ZSCAN k 0 NOVALUES
        ZSCAN missing 0 FOO
        ZSCAN k x
        ZSCAN k 0 COUNT 0
        ZSCAN k 0 FOO
        SET str x
        ZSCAN str 0
    """,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(pair: Pair, script: str) -> None:
    """Each family of sorted-set commands answers as the reference's does."""
    pair.play(script)


@pytest.mark.parametrize("size", [127, 128, 129, 1000])
def test_sizes_at_which_the_encoding_changes(pair: Pair, size: int) -> None:
    """Sorted sets and results of operations change their encoding at the reference's sizes."""
    pairs = [part for number in range(size) for part in (number, f"m{number}")]
    pair.do("ZADD", "once", *pairs)
    for start in range(0, len(pairs), 50):
        pair.do("ZADD", "grown", *pairs[start : start + 50])
    pair.do("ZADD", "long", 1, "a", 2, "y" * 65)
    pair.do("ZADD", "absent", "XX", *pairs)
    pair.do("ZADD", "small", 1, "a")
    pair.do("ZADD", "small", "XX", *pairs)
    pair.do("ZADD", "small", "XX", 1, "z" * 65)
    keys = ("once", "grown", "long", "absent", "small")
    for key in keys:
        pair.do("OBJECT", "ENCODING", key)
        pair.do("ZRANGESTORE", "d", key, 0, 127)
        pair.do("OBJECT", "ENCODING", "d")
        pair.do("ZRANGESTORE", "d", key, 1, "+inf", "BYSCORE")
        pair.do("OBJECT", "ENCODING", "d")
        for command in ("ZINTERSTORE", "ZUNIONSTORE", "ZDIFFSTORE"):
            for other in keys:
                pair.do(command, "d", 2, key, other)
                pair.do("OBJECT", "ENCODING", "d")


def test_ranges_of_a_large_sorted_set(pair: Pair) -> None:
    """Windows, limits and ranks are the same in a sorted set that is no longer small."""
    for key, spread in (("k", 7), ("lex", 1)):
        pair.do("ZADD", key, *(part for number in range(700) for part in (number % spread, f"m{number:04}")))
    for offset, limit in ((0, 5), (300, 5), (698, 5), (-1, 2), (-2, -1), (-700, 3), (-701, 3), (5, -1), (9999, 1)):
        pair.do("ZRANGE", "k", "-inf", "+inf", "BYSCORE", "LIMIT", offset, limit, "WITHSCORES")
        pair.do("ZRANGE", "k", "5", "(2", "BYSCORE", "REV", "LIMIT", offset, limit)
        pair.do("ZRANGE", "lex", "[m01", "+", "BYLEX", "LIMIT", offset, limit)
        pair.do("ZRANGE", "lex", "+", "(m0100", "BYLEX", "REV", "LIMIT", offset, limit)
    for start, stop in ((0, 3), (250, 262), (-3, -1), (690, 9999)):
        pair.do("ZRANGE", "k", start, stop, "WITHSCORES")
        pair.do("ZREVRANGE", "k", start, stop, "WITHSCORES")
    for member in ("m0000", "m0350", "m0699", "m9"):
        pair.do("ZRANK", "k", member, "WITHSCORE")
        pair.do("ZREVRANK", "k", member)
    pair.do("ZREMRANGEBYRANK", "k", 100, 400)
    pair.do("ZREMRANGEBYSCORE", "k", "(5", "6")
    pair.do("ZREMRANGEBYLEX", "lex", "[m0100", "(m0600")
    pair.do("ZPOPMIN", "k", 30)
    pair.do("ZPOPMAX", "k", 30)
    for key in ("k", "lex"):
        pair.do("ZRANGE", key, 0, -1, "WITHSCORES")


@pytest.mark.parametrize("size", [3, 40, 400])
def test_lexical_ranges_where_scores_rise_with_the_members(pair: Pair, size: int) -> None:
    """Members are in the order of their bytes, though their scores differ: that is all that these commands ask for."""
    for number in range(size):
        pair.do("ZADD", "k", number // 2, b"m%03d" % number)
    for low, high in (("-", "+"), ("[m001", "(m002"), ("(m000", "+"), ("[m", "[m010"), ("[m030", "[n"), ("[m9", "+")):
        pair.do("ZRANGE", "k", low, high, "BYLEX")
        pair.do("ZREVRANGEBYLEX", "k", high, low, "LIMIT", 0, 5)
        pair.do("ZLEXCOUNT", "k", low, high)
        pair.do("ZRANGESTORE", "d", "k", low, high, "BYLEX")
    pair.do("ZREMRANGEBYLEX", "k", "[m001", "[m001")
    pair.do("ZRANGE", "k", 0, -1, "WITHSCORES")


def test_a_scan_of_a_large_sorted_set_is_complete(pair: Pair) -> None:
    """Pages of ZSCAN together hold every member with its score."""
    scores = {b"m%d" % number: b"%d" % number for number in range(1000)}
    pair.do("ZADD", "k", *(part for member, score in scores.items() for part in (score, member)))
    for client in pair.clients:
        found, cursor, pages = {}, b"0", 0
        while pages == 0 or cursor != b"0":
            cursor, page = (part.value for part in client.do("ZSCAN", "k", cursor, "COUNT", "50").value)
            found.update({member.value: score.value for member, score in zip(page[::2], page[1::2], strict=True)})
            pages += 1
            assert pages < 1000
        assert found == scores


BLOCKED = {
    "BZPOPMIN k l 0": "ZADD l 1 a 2 b",
    "BZPOPMAX k l 0": "ZADD k 1 a 2 b",
    "BZMPOP 0 2 k l MIN COUNT 2": "ZADD l 1 a 2 b 3 c",
    "BZMPOP 0 1 k MAX": "ZINCRBY k 1 a",
    "BZPOPMIN d 0": "ZUNIONSTORE d 1 t",
    "BZPOPMAX d 0": "ZRANGESTORE d t 0 0",
    "BZPOPMIN moved 0": "RENAME t moved",
}


@pytest.mark.parametrize("waiting", BLOCKED)
def test_blocked_clients_are_served(pair: Pair, waiting: str) -> None:
    """A client that waits is served by whatever makes the sorted set."""
    pair.do("ZADD", "t", 5, "x", 6, "y")
    waiter = pair.client("waiter")
    waiter.send(*waiting.split())
    pair.wait_blocked(1)
    pair.do(*BLOCKED[waiting].split())
    waiter.receive()
    for key in ("k", "l", "d", "moved"):
        pair.do("ZRANGE", key, 0, -1, "WITHSCORES")


def test_blocked_clients_are_served_in_their_order(pair: Pair) -> None:
    """The clients of one key get one member each in the order in which they came; keys of other types wake nobody."""
    waiters = [pair.client(name) for name in "abc"]
    for number, waiter in enumerate(waiters):
        waiter.send("BZPOPMIN", "k", 0)
        pair.wait_blocked(number + 1)
    pair.play("""
        SADD k x
        DEL k
        ZADD k 2 two 1 one
        ZCARD k
    """)
    for waiter in waiters[:2]:
        waiter.receive()
    assert waiters[2].is_silent()
    pair.do("ZADD", "k", 3, "three")
    waiters[2].receive()
    pair.do("EXISTS", "k")


def test_waiting_ends(pair: Pair) -> None:
    """A client whose time is over gets the reference's null."""
    pair.play("""
        BZPOPMIN k 0.01
        BZPOPMAX k l 0.01
        BZMPOP 0.01 1 k MIN
    """)


def same_length(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Accept another order among as many elements."""
    if len(reference.value) != len(subject.value):
        yield f"{path}: {len(reference.value)} and {len(subject.value)} elements"


def test_draws_from_a_large_sorted_set(pair: Pair) -> None:
    """As many members are drawn as the reference draws, different ones and repeated ones."""
    pair.do("ZADD", "k", *(part for number in range(500) for part in (number, f"m{number}")))
    for count in (1, 10, 166, 167, 499, 500, 501, -1, -10, -700):
        pair.do("ZRANDMEMBER", "k", count, match=same_length)
        pair.do("ZRANDMEMBER", "k", count, "WITHSCORES", match=same_length)


class SortedSetMachine(ParityMachine):
    """The sorted-set commands; ranges by member are for keys in which all scores are equal."""

    beginning = (
        ("ZADD", "k1", "1", "a", "2", "b", "3", "foo"),
        ("ZADD", "k2", "5", "a", "-1.5", "bar", "2", "12"),
        ("ZADD", "lex1", *(part for letter in "abcdefg" for part in ("0", letter))),
    )

    lex_key = s.flag("lex1", "lex2")
    bound = s.flag("-inf", "+inf", "0", "1", "2", "(1", "(2.5", "-1.5", "3", "(3", "1e3", "x", "")
    lex_bound = s.flag("-", "+", "[a", "(a", "[c", "(e", "[foo", "(", "[", "z")
    limit = s.maybe("LIMIT", s.index, s.index)
    scores = s.maybe("WITHSCORES")
    keys = s.one_of([1, s.any_key], [2, s.any_key, s.any_key], [3, s.any_key, s.any_key, s.any_key])
    two = (2, s.any_key, s.any_key)
    weighing = s.options(["WEIGHTS", s.number, s.number], ["AGGREGATE", s.flag("SUM", "MIN", "MAX")], most=2)
    rules = s.options("NX", "XX", "GT", "LT", "CH", most=2)

    commands = (
        ("ZADD", s.any_key, s.number, s.value),
        ("ZADD", s.any_key, rules, s.many(s.number, s.value)),
        ("ZADD", s.any_key, rules, "INCR", s.number, s.value),
        ("ZINCRBY", s.any_key, s.number, s.value),
        ("ZREM", s.any_key, s.many(s.value)),
        ("ZCARD", s.any_key),
        ("ZSCORE", s.any_key, s.value),
        ("ZMSCORE", s.any_key, s.many(s.value)),
        ("ZRANK", s.any_key, s.value, s.maybe("WITHSCORE")),
        ("ZREVRANK", s.any_key, s.value, s.maybe("WITHSCORE")),
        ("ZRANGE", s.any_key, s.index, s.index, s.maybe("REV"), scores),
        ("ZRANGE", s.any_key, bound, bound, "BYSCORE", s.maybe("REV"), limit, scores),
        ("ZREVRANGE", s.any_key, s.index, s.index, scores),
        ("ZRANGEBYSCORE", s.any_key, bound, bound, scores, limit),
        ("ZREVRANGEBYSCORE", s.any_key, bound, bound, scores, limit),
        ("ZCOUNT", s.any_key, bound, bound),
        ("ZRANGESTORE", s.any_key, s.any_key, s.index, s.index, s.maybe("REV")),
        ("ZRANGESTORE", s.any_key, s.any_key, bound, bound, "BYSCORE", s.maybe("REV"), limit),
        ("ZREMRANGEBYRANK", s.any_key, s.index, s.index),
        ("ZREMRANGEBYSCORE", s.any_key, bound, bound),
        s.command("ZADD", lex_key, s.many("0", s.value), damaged=False),
        s.command("ZRANGE", lex_key, lex_bound, lex_bound, "BYLEX", s.maybe("REV"), limit, damaged=False),
        s.command("ZRANGEBYLEX", lex_key, lex_bound, lex_bound, limit, damaged=False),
        s.command("ZREVRANGEBYLEX", lex_key, lex_bound, lex_bound, limit, damaged=False),
        s.command("ZLEXCOUNT", lex_key, lex_bound, lex_bound, damaged=False),
        s.command("ZREMRANGEBYLEX", lex_key, lex_bound, lex_bound, damaged=False),
        ("ZPOPMIN", s.any_key, s.maybe(s.count)),
        ("ZPOPMAX", s.any_key, s.maybe(s.count)),
        ("ZMPOP", keys, s.flag("MIN", "MAX"), s.maybe("COUNT", s.count)),
        ("ZUNION", *two, weighing, scores),
        ("ZINTER", *two, weighing, scores),
        ("ZUNIONSTORE", s.any_key, *two, weighing),
        ("ZINTERSTORE", s.any_key, *two, weighing),
        ("ZDIFF", keys, scores),
        ("ZDIFFSTORE", s.any_key, keys),
        ("ZINTERCARD", keys, s.maybe("LIMIT", s.count)),
        ("SADD", s.key, s.many(s.value)),
        ("DEL", s.key),
        s.command("ZRANDMEMBER", s.any_key, s.flag("0", "1000"), match=unordered(), damaged=False),
        s.command("ZSCAN", s.any_key, 0, "COUNT", 1000, s.maybe("NOSCORES"), match=items({1: unordered()})),
    )


def test_sorted_sets_in_step(pair: Pair) -> None:
    """Random scripts of sorted-set commands leave both servers with the same replies and the same data."""
    run_machine(SortedSetMachine, pair)


def test_sorted_set_events(resp2_pair: Pair) -> None:
    """Each sorted-set command publishes the reference's keyspace events, in its order."""
    run_machine(SortedSetMachine, resp2_pair, events="KEA")
