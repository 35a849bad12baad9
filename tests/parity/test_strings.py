"""The string commands, one script each for what they promise, then random scripts over all of them."""

from __future__ import annotations

import pytest

from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import approx
from .pair import Pair

SCRIPTS = {
    "set options": """
        SET k v
        SET k w NX
        SET k w XX
        SET other w XX
        SET k x GET
        SET new x GET
        SET k y NX GET
        SET fresh y NX GET
        SET k z XX GET
        SET missing z XX GET
        SET k "" KEEPTTL
        GET k
        SET k v EX 1000
        approx: TTL k
        SET k v KEEPTTL
        approx: TTL k
        SET k v
        TTL k
        SET k v PX 1000000
        approx_ms: PTTL k
        SET k v EXAT 4000000000
        EXPIRETIME k
        SET k v PXAT 4000000000123
        PEXPIRETIME k
        SET k v ex 1000 nx
        set k v xx Ex 1000 gEt
    """,
    "set refuses": """
        SET
        SET k
        SET k v EX
        SET k v EX 0
        SET k v EX -1
        SET k v EX x
        SET k v EX 9223372036854775807
        SET k v EX 9223372036854775
        SET k v PX 9223372036854775807
        SET k v EXAT 0
        SET k v PXAT -1
        SET k v EXAT 9223372036854775807
        SET k v EX 10 PX 10
        SET k v EX 10 KEEPTTL
        SET k v NX XX
        SET k v XX NX
        SET k v NX NX
        SET k v GET GET
        SET k v EX 10 EX 10
        SET k v WHAT
        SET k v IFEQ
        SET k v IFEQ a NX
        SET k v NX IFEQ a
        SET k v IFEQ a IFEQ b
        SET k v IFEQ a XX
        EXISTS k
    """,
    "set ifeq": """
        SET k v IFEQ a
        EXISTS k
        SET k a
        SET k b IFEQ x
        SET k b IFEQ a
        GET k
        SET k c IFEQ b GET
        SET k d IFEQ x GET
        SET k 10
        SET k 11 IFEQ 10 EX 1000
        approx: TTL k
        SET k 12 IFEQ 11 KEEPTTL
        approx: TTL k
        RPUSH l a
        SET l v IFEQ a
        SET l v GET
        TYPE l
        SET l v
        TYPE l
    """,
    "set in the past": """
        SET k v EXAT 1
        GET k
        EXISTS k
        SET k v PXAT 1
        TYPE k
        SET k v
        SET k w EXAT 1 GET
        GET k
    """,
    "setex and setnx": """
        SETEX k 1000 v
        approx: TTL k
        SETEX k 0 v
        SETEX k -1 v
        SETEX k x v
        SETEX k 9223372036854775807 v
        PSETEX k 1000000 v
        approx_ms: PTTL k
        PSETEX k 0 v
        PSETEX k -5 v
        PSETEX k 1.5 v
        SETNX k v
        SETNX n v
        SETEX k 10
        PSETEX k
        SETNX k
        GET n
    """,
    "getset, getdel, getex": """
        GETSET k v
        GETSET k w
        GETDEL k
        GETDEL k
        SET k v EX 1000
        GETSET k w
        TTL k
        GETEX k
        GETEX k EX 1000
        approx: TTL k
        GETEX k PX 1000000
        approx_ms: PTTL k
        GETEX k EXAT 4000000000
        EXPIRETIME k
        GETEX k PXAT 4000000000001
        PEXPIRETIME k
        GETEX k PERSIST
        TTL k
        GETEX k EX 0
        GETEX k EX x
        GETEX k EX
        GETEX k PERSIST EX 10
        GETEX k EX 10 PX 10
        GETEX k KEEPTTL
        GETEX k NX
        GETEX k EXAT 1
        EXISTS k
        GETEX missing EX 10
        GETEX missing EX x
        RPUSH l a
        GETEX l
        GETDEL l
        GETSET l v
    """,
    "counters": """
        INCR k
        INCRBY k 10
        DECR k
        DECRBY k 20
        SET k 9223372036854775807
        INCR k
        INCRBY k 1
        DECRBY k -1
        SET k -9223372036854775808
        DECR k
        DECRBY k 9223372036854775807
        DECRBY k -9223372036854775808
        INCRBY k -1
        INCRBY k 9223372036854775808
        INCRBY k x
        SET k " 1"
        INCR k
        SET k "1 "
        INCR k
        SET k +1
        INCR k
        SET k 01
        INCR k
        SET k -0
        INCR k
        SET k ""
        INCR k
        SET k 1.0
        INCR k
        SET k 7 EX 1000
        INCR k
        approx: TTL k
        OBJECT ENCODING k
        RPUSH l a
        INCR l
        INCRBY l x
    """,
    "incrbyfloat": """
        INCRBYFLOAT k 1.5
        INCRBYFLOAT k 1.5e2
        INCRBYFLOAT k -0.1
        INCRBYFLOAT k 1e400
        INCRBYFLOAT k inf
        INCRBYFLOAT k -inf
        INCRBYFLOAT k nan
        INCRBYFLOAT k x
        INCRBYFLOAT k " 1"
        INCRBYFLOAT k "1 "
        INCRBYFLOAT k ""
        INCRBYFLOAT k +1
        INCRBYFLOAT k 0x10
        SET k 3.0e3
        INCRBYFLOAT k 200
        SET k 0.1
        INCRBYFLOAT k 0.2
        SET k 1
        INCRBYFLOAT k 1e17
        INCRBYFLOAT k 1e18
        INCRBYFLOAT k 0.00000000000000001
        SET k 9007199254740993
        INCRBYFLOAT k 1
        SET k 10.50
        INCRBYFLOAT k 0
        SET k -5
        INCRBYFLOAT k 5
        SET k abc
        INCRBYFLOAT k 1
        SET k 1 EX 1000
        INCRBYFLOAT k 1
        approx: TTL k
        RPUSH l a
        INCRBYFLOAT l 1
        INCRBYFLOAT l x
    """,
    "append and strlen": """
        APPEND k a
        APPEND k ""
        APPEND k "\\x00\\xff"
        STRLEN k
        GET k
        OBJECT ENCODING k
        APPEND empty ""
        EXISTS empty
        STRLEN missing
        SET n 12
        APPEND n 3
        OBJECT ENCODING n
        INCR n
        SET k v EX 1000
        APPEND k w
        approx: TTL k
        RPUSH l a
        APPEND l a
        STRLEN l
    """,
    "ranges": """
        SET k "Hello World"
        GETRANGE k 0 -1
        GETRANGE k 0 4
        GETRANGE k -5 -1
        GETRANGE k -100 100
        GETRANGE k 5 3
        GETRANGE k -1 -5
        GETRANGE k 100 200
        GETRANGE k -100 -50
        GETRANGE k 9223372036854775807 -9223372036854775808
        GETRANGE k -9223372036854775808 9223372036854775807
        GETRANGE k x 1
        GETRANGE k 0
        SUBSTR k 0 4
        SUBSTR missing 0 -1
        GETRANGE missing 0 -1
        SET n 12345
        GETRANGE n 1 -2
        SETRANGE k 6 Redis
        GET k
        SETRANGE k 20 x
        GET k
        SETRANGE k 0 ""
        SETRANGE missing 5 ""
        EXISTS missing
        SETRANGE missing 5 x
        GET missing
        SETRANGE k -1 x
        SETRANGE k 536870912 x
        SETRANGE k 536870911 xx
        SETRANGE k 9223372036854775807 x
        SETRANGE k x y
        SETRANGE missing2 536870912 ""
        SETRANGE n 1 xx
        OBJECT ENCODING n
        RPUSH l a
        SETRANGE l 0 x
        SETRANGE l 0 ""
        GETRANGE l 0 1
    """,
    "many keys": """
        MSET a 1 b 2
        MGET a b missing a
        MSET a
        MSET a 1 b
        MSET a 1 a 2
        GET a
        MSETNX a 9 c 9
        EXISTS c
        MSETNX c 3 d 4
        MSETNX e
        MGET c d
        SET a v EX 1000
        MSET a w
        TTL a
        RPUSH l a
        MGET a l
        MSET l v
        TYPE l
        MSETNX x 1 x 2
        GET x
        MGET
    """,
    "msetex": """
        MSETEX 2 a 1 b 2
        MGET a b
        TTL a
        MSETEX 2 a 1 b 2 EX 1000
        approx: TTL b
        MSETEX 1 a 3 KEEPTTL
        approx: TTL a
        MSETEX 1 a 4
        TTL a
        MSETEX 2 a 5 c 5 NX
        MSETEX 2 c 5 d 5 NX PX 1000000
        approx_ms: PTTL d
        MSETEX 2 c 6 nope 6 XX
        MSETEX 2 c 6 d 6 XX EXAT 4000000000
        EXPIRETIME c
        MSETEX 1 c 7 PXAT 4000000000007
        PEXPIRETIME c
        MSETEX 0
        MSETEX 0 a 1
        MSETEX -1 a 1
        MSETEX x a 1
        MSETEX 2 a 1
        MSETEX 1 a 1 b 2
        MSETEX 1 a 1 NX XX
        MSETEX 1 a 1 EX 10 KEEPTTL
        MSETEX 1 a 1 EX 0
        MSETEX 1 a 1 EX x
        MSETEX 1 a 1 EX
        MSETEX 2147483648 a 1
        MSETEX 9223372036854775807 a 1
        MSETEX 1
        MSETEX 1 c 1 EXAT 1
        EXISTS c
    """,
    "delifeq": """
        DELIFEQ k v
        SET k v
        DELIFEQ k w
        DELIFEQ k v
        EXISTS k
        SET n 10
        DELIFEQ n 010
        DELIFEQ n 10
        RPUSH l a
        DELIFEQ l a
        DELIFEQ k
        DELIFEQ k a b
    """,
    "lcs": """
        MSET a ohmytext b mynewtext
        LCS a b
        LCS a b LEN
        mapping: LCS a b IDX
        mapping: LCS a b IDX MINMATCHLEN 4
        mapping: LCS a b IDX WITHMATCHLEN
        mapping: LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
        mapping: LCS a b IDX MINMATCHLEN -1
        LCS a b LEN IDX
        LCS a b MINMATCHLEN x
        LCS a b MINMATCHLEN
        LCS a b WHAT
        LCS a missing
        LCS a missing LEN
        mapping: LCS missing missing IDX
        LCS a
        RPUSH l a
        LCS a l
        LCS l a
        MSET n 12345 m 2345
        LCS n m
        LCS a a
        LCS a a IDX MINMATCHLEN 100
        LCS l b WHAT
        LCS a b LEN LEN
    """,
    "lcs of too long strings": """
        SETRANGE a 9000 x
        SETRANGE b 14911 x
        LCS a b LEN
        SETRANGE c 30000 x
        LCS c b LEN
        LCS c missing LEN
        LCS c c IDX
    """,
    "encodings": """
        SET k 12
        OBJECT ENCODING k
        SET k 012
        OBJECT ENCODING k
        SET k 9223372036854775807
        OBJECT ENCODING k
        SET k 9223372036854775808
        OBJECT ENCODING k
        SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        OBJECT ENCODING k
        SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        OBJECT ENCODING k
        SET k ""
        OBJECT ENCODING k
        APPEND k a
        OBJECT ENCODING k
        INCRBYFLOAT f 1.5
        OBJECT ENCODING f
        INCRBYFLOAT i 2
        OBJECT ENCODING i
        INCR j
        OBJECT ENCODING j
        GETRANGE j 0 -1
        OBJECT ENCODING j
        MSET m 12 n x
        OBJECT ENCODING m
        OBJECT ENCODING n
        SETRANGE s 0 12
        OBJECT ENCODING s
        GETSET s 13
        OBJECT ENCODING s
        OBJECT ENCODING missing
        OBJECT REFCOUNT s
        OBJECT FREQ s
        approx: OBJECT IDLETIME s
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_string_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


LENGTHS = (0, 1, 43, 44, 45, 64, 100, 101, 127, 128, 129, 191, 192, 193, 255, 256, 1000)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("key_length", [1, 20, 44, 100, 127, 128])
def test_encoding_depends_on_lengths(resp2_pair: Pair, length: int, key_length: int) -> None:
    """OBJECT ENCODING changes at the reference's lengths of key and value, with and without a deadline."""
    key = "k" * key_length
    resp2_pair.do("SET", key, "x" * length)
    resp2_pair.do("OBJECT", "ENCODING", key)
    resp2_pair.do("EXPIRE", key, 1000)
    resp2_pair.do("OBJECT", "ENCODING", key)


@pytest.mark.parametrize("size", [16_383, 16_384, 32_767, 32_768, 65_536, 1_000_000, 5_000_000])
def test_big_values_come_back(pair: Pair, size: int) -> None:
    """Values around the sizes of buffers are stored and returned whole."""
    data = bytes(range(256)) * (size // 256 + 1)
    pair.do("SET", "big", data[:size])
    pair.do("GET", "big")
    pair.do("APPEND", "big", b"tail")
    pair.do("GETRANGE", "big", -6, -1)
    pair.do("MGET", "big", "none", "big")


class StringMachine(ParityMachine):
    """All string commands but LCS, whose cost is the product of two lengths."""

    beginning = (("SET", "k1", "10"), ("SET", "k2", "hello world", "EX", 5000))
    _deadline = s.one_of(
        ["EX", s.seconds], ["PX", s.milliseconds], ["EXAT", s.unix_seconds], ["PXAT", s.unix_milliseconds], "KEEPTTL"
    )
    _future = s.one_of(["EX", "1000"], ["PX", "1000000"], ["EXAT", "4000000000"], "KEEPTTL", ["EX", s.odd])
    _offset = s.one_of(s.count, s.flag("20", "300", "536870911", "536870912", "9223372036854775807", "x"))
    commands = (
        ("SET", s.any_key, s.value),
        ("SET", s.key, s.integer),
        ("SET", s.any_key, s.value, s.options(s.flag("NX", "XX", "GET", "KEEPTTL"), _deadline, ["IFEQ", s.value])),
        ("SETEX", s.any_key, s.seconds, s.value),
        ("PSETEX", s.any_key, s.milliseconds, s.value),
        ("SETNX", s.any_key, s.value),
        ("GET", s.any_key),
        ("GETSET", s.any_key, s.value),
        ("GETDEL", s.any_key),
        ("GETEX", s.any_key, s.options(_deadline, "PERSIST", most=2)),
        ("INCR", s.any_key),
        ("DECR", s.any_key),
        ("INCRBY", s.any_key, s.integer),
        ("DECRBY", s.any_key, s.integer),
        ("INCRBYFLOAT", s.any_key, s.number),
        ("APPEND", s.any_key, s.value),
        ("STRLEN", s.any_key),
        ("GETRANGE", s.any_key, s.index, s.index),
        ("SUBSTR", s.any_key, s.index, s.index),
        ("SETRANGE", s.any_key, _offset, s.one_of(s.word, "")),
        ("MGET", s.many(s.any_key)),
        ("MSET", s.many(s.any_key, s.value)),
        ("MSETNX", s.many(s.any_key, s.value)),
        (
            "MSETEX",
            s.flag("1", "2", "2"),
            s.many(s.any_key, s.value, most=2),
            # What it stores with a time that is over expires later, and when is each server's own affair.
            s.options(s.flag("NX", "XX"), _future, most=2),
        ),
        ("DELIFEQ", s.any_key, s.value),
        ("DEL", s.any_key),
        s.command("TTL", s.any_key, match=approx(2)),
        ("PERSIST", s.any_key),
    )


def test_strings_in_step(pair: Pair) -> None:
    """Random scripts of string commands leave both servers with the same replies and the same data."""
    run_machine(StringMachine, pair)


def test_string_events(pair: Pair) -> None:
    """Each string command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(StringMachine, pair, events="KEAn")
