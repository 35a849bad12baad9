"""The bitmap commands: scripts of replies and refusals, then random scripts over all of them."""

from __future__ import annotations

import pytest

from . import strategies as s
from .machine import ParityMachine, run_machine
from .pair import Pair

SCRIPTS = {
    "single bits": """
        SETBIT k 7 1
        SETBIT k 7 1
        SETBIT k 7 0
        SETBIT k 100 0
        STRLEN k
        GETBIT k 100
        GETBIT k 4294967295
        GETBIT none 0
        SET n 123
        SETBIT n 0 1
        GET n
        OBJECT ENCODING n
        INCR m
        GETBIT m 3
        SETBIT m 2 0
        GET m
        APPEND m xyz
        SETBIT m 31 1
        GETRANGE m 0 -1
        SETBIT k x 1
        SETBIT k -1 1
        SETBIT k 01 1
        SETBIT k 1 2
        SETBIT k 1 -1
        SETBIT k 1 x
        SETBIT k 1 01
        SETBIT k 4294967296 x
        GETBIT k x
        GETBIT k 4294967296
        RPUSH l a
        SETBIT l 1 x
        SETBIT l 1 1
        GETBIT l x
        GETBIT l 1
    """,
    "counting and searching": """
        SET k "\\xff\\xf0\\x00"
        BITCOUNT k
        BITCOUNT k 0
        BITCOUNT k -2
        BITCOUNT k 1 1
        BITCOUNT k 5 14 BIT
        BITCOUNT k -10 -5 bit
        BITCOUNT k 0 -1 BYTE
        BITCOUNT k 2 1
        BITCOUNT k -1 -2
        BITCOUNT k 0 1 FOO
        BITCOUNT k 0 1 BIT x
        BITCOUNT k x
        BITCOUNT k x 1 FOO
        BITCOUNT k 1 x FOO
        BITCOUNT k 1 x BIT
        BITPOS k 1 1 x FOO
        BITCOUNT none 0 x
        BITCOUNT none
        BITPOS k 0
        BITPOS k 1
        BITPOS k 1 2
        BITPOS k 0 0 0
        BITPOS k 0 0 0 BIT
        BITPOS k 0 -3 -3
        BITPOS k 1 1 -1 BIT
        BITPOS k 1 9 3
        BITPOS k 2
        BITPOS k x
        BITPOS none 0
        BITPOS none 1
        BITPOS none 2
        SET ones "\\xff\\xff"
        BITPOS ones 0
        BITPOS ones 0 0
        BITPOS ones 0 0 -1
        BITPOS ones 0 0 -1 BIT
        SET empty ""
        BITPOS empty 0
        BITPOS empty 1
        BITCOUNT empty
        RPUSH l a
        BITCOUNT l x
        BITCOUNT l
        BITPOS l 2
        BITPOS l 1
    """,
    "combining": """
        SET a abcdef
        SET b "\\x00\\xff"
        BITOP AND d a b
        GET d
        BITOP OR d a b none
        GET d
        BITOP xor d a b a
        GET d
        BITOP NOT d a
        GET d
        OBJECT ENCODING d
        BITOP NOT d a b
        BITOP FOO d a
        BITOP DIFF d a b
        BITOP AND d none
        EXISTS d
        RPUSH l a
        BITOP OR d a l
        BITOP OR l a
        TYPE l
        SETBIT bits 3 1
        INCR n
        BITOP OR d bits n
        GET d
    """,
    "fields": """
        BITFIELD k SET u8 0 255 GET u8 0 GET i8 0
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1
        BITFIELD k OVERFLOW FAIL INCRBY u2 102 3 INCRBY u2 102 3
        BITFIELD k OVERFLOW WRAP INCRBY i8 #1 127 INCRBY i8 #1 1
        BITFIELD k SET i64 #1 -9223372036854775808 GET u63 65
        BITFIELD k
        BITFIELD k OVERFLOW WRAP
        BITFIELD k OVERFLOW
        BITFIELD k OVERFLOW FOO
        BITFIELD k GET u8
        BITFIELD k GET u64 0
        BITFIELD k GET i65 0
        BITFIELD k GET u0 0
        BITFIELD k GET u8 x
        BITFIELD k GET u8 #x
        BITFIELD k GET u8 -1
        BITFIELD k GET u8 4294967295
        BITFIELD k GET u8 4294967296
        BITFIELD k GET u8 #1152921504606846976
        BITFIELD k GET u8 #2305843009213693952
        BITFIELD k SET u8 0 x
        BITFIELD k SET u8 x x
        BITFIELD none GET u8 0
        EXISTS none
        BITFIELD grown OVERFLOW FAIL INCRBY u2 0 100
        STRLEN grown
        BITFIELD_RO k GET u8 0 GET u4 #1
        BITFIELD_RO k
        BITFIELD_RO k SET u8 0 1
        BITFIELD_RO k SET u8 0 x
        BITFIELD_RO k GET u8 0 OVERFLOW SAT
        RPUSH l a
        BITFIELD l GET u8 0
        BITFIELD l FOO
        BITFIELD_RO l SET u8 0 1
        GET k
    """,
    "a changed string is a copy of its own": """
        SET k abc
        SETBIT k 0 1
        COPY k c
        SETBIT k 1 0
        GET c
        GET k
        WATCH k
        SETBIT k 1 0
        MULTI
        PING
        EXEC
        WATCH k
        SETBIT k 1 1
        MULTI
        PING
        EXEC
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_bitmap_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


def test_deadline_stays(pair: Pair) -> None:
    """Setting a bit keeps the key's deadline; the result of BITOP has none."""
    pair.play(
        """
        SET k abc EX 1000
        SETBIT k 0 1
        approx: TTL k
        BITFIELD k SET u8 40 7
        approx: TTL k
        BITOP NOT k k
        TTL k
        """
    )


offset = s.one_of(s.flag(*map(str, range(0, 40, 3))), s.flag("7", "8", "100", "-1", "4294967296", "x"))
kind = s.flag("u1", "u2", "u8", "i8", "i5", "u13", "i64", "u63", "u64", "i0", "x")
place = s.one_of(offset, s.flag("#0", "#1", "#5", "#-1", "#x"))


class BitmapMachine(ParityMachine):
    """All bitmap commands, among strings of all forms.

    Encodings are not compared: SETBIT and BITFIELD leave a string as it is where the reference makes a changeable copy
    for a change that then is none.
    """

    encodings = False
    beginning = (("SET", "k1", "10"), ("SET", "k2", "hello world", "EX", 5000), ("INCR", "k3"))
    commands = (
        ("SETBIT", s.any_key, offset, s.flag("0", "1", "1")),
        ("SETBIT", s.key, offset, s.flag("0", "1", "2", "x")),
        ("GETBIT", s.any_key, offset),
        ("BITCOUNT", s.any_key, s.maybe(s.index, s.maybe(s.index, s.maybe(s.flag("BIT", "BYTE", "x"))))),
        (
            "BITPOS",
            s.any_key,
            s.flag("0", "1", "2"),
            s.maybe(s.index, s.maybe(s.index, s.maybe(s.flag("BIT", "byte")))),
        ),
        ("BITOP", s.flag("AND", "OR", "XOR", "NOT", "not", "NAND"), s.key, s.many(s.any_key, most=3)),
        (
            "BITFIELD",
            s.any_key,
            s.many(
                s.one_of(
                    ["GET", kind, place],
                    ["SET", kind, place, s.integer],
                    ["INCRBY", kind, place, s.integer],
                    ["OVERFLOW", s.flag("WRAP", "SAT", "FAIL", "fail", "x")],
                ),
                least=0,
            ),
        ),
        ("BITFIELD_RO", s.any_key, s.many("GET", kind, place, most=2)),
        ("APPEND", s.any_key, s.value),
        ("SETRANGE", s.any_key, s.count, s.word),
        ("INCR", s.any_key),
        ("GET", s.any_key),
        ("DEL", s.key),
    )


def test_bitmaps_in_step(pair: Pair) -> None:
    """Random scripts of bitmap commands leave both servers with the same replies and the same data."""
    run_machine(BitmapMachine, pair)


def test_bitmap_events(pair: Pair) -> None:
    """Each bitmap command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(BitmapMachine, pair, events="KEAn")
