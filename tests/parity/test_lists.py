"""The list commands that do not block, one script each for what they promise, then random scripts over all of them."""

from __future__ import annotations

import pytest

from . import strategies as s
from .machine import ParityMachine, run_machine
from .pair import Pair

SCRIPTS = {
    "push": """
        LPUSH l a
        LPUSH l b c
        RPUSH l d
        RPUSH l e f ""
        LRANGE l 0 -1
        LPUSHX l z y
        RPUSHX l x w
        LPUSHX missing a
        RPUSHX missing a b
        EXISTS missing
        LRANGE l 0 -1
        LLEN l
        LLEN missing
        SET s v
        LPUSH s a
        RPUSH s a b
        LPUSHX s a
        RPUSHX s a
        LLEN s
        LPUSH l
        RPUSH
        LPUSHX l
        LLEN
        LLEN l l
    """,
    "pop": """
        RPUSH l a b c d e f g
        LPOP l
        RPOP l
        LPOP l 2
        RPOP l 2
        LPOP l 0
        RPOP l 0
        LPOP l 100
        EXISTS l
        LPOP l
        RPOP l
        LPOP l 0
        LPOP l 1
        RPOP l 5
        RPUSH l a
        LPOP l -1
        LPOP l x
        RPOP l 1.5
        RPOP l 9223372036854775808
        LPOP l 9223372036854775807
        LPOP missing -1
        LPOP missing x
        LPOP l 1 2
        RPOP l 1 2
        LPOP
        SET s v
        LPOP s
        RPOP s
        LPOP s 0
        LPOP s 1
        LPOP s -1
    """,
    "range and index": """
        RPUSH l a b c d e
        LRANGE l 0 -1
        LRANGE l 1 3
        LRANGE l -3 -2
        LRANGE l -100 100
        LRANGE l 3 1
        LRANGE l 5 10
        LRANGE l 4 4
        LRANGE l -9223372036854775808 9223372036854775807
        LRANGE l 0 9223372036854775808
        LRANGE l x 1
        LRANGE l 0 1.0
        LRANGE missing 0 -1
        LRANGE missing x y
        LRANGE l 0
        LINDEX l 0
        LINDEX l -1
        LINDEX l 5
        LINDEX l -6
        LINDEX l -5
        LINDEX l x
        LINDEX l 9223372036854775807
        LINDEX l -9223372036854775808
        LINDEX missing 0
        LINDEX missing x
        SET s v
        LRANGE s 0 -1
        LRANGE s x y
        LINDEX s 0
        LINDEX s x
    """,
    "set, insert, remove, trim": """
        LSET missing 0 a
        LSET missing x a
        RPUSH l a b c a b c a
        LSET l 0 z
        LSET l -1 y
        LSET l 7 x
        LSET l -8 x
        LSET l x x
        LINSERT l BEFORE b new
        LINSERT l after b new
        LINSERT l BEFORE none new
        LINSERT l what b new
        LINSERT missing BEFORE b new
        LINSERT missing what b new
        LRANGE l 0 -1
        LREM l 1 new
        LREM l -1 c
        LREM l 0 none
        LREM l x none
        LREM l -9223372036854775808 a
        LREM l 9223372036854775807 b
        LREM missing 0 a
        LREM missing x a
        LRANGE l 0 -1
        LREM l 0 z
        LREM l 0 new
        LREM l 0 y
        LREM l 0 c
        EXISTS l
        RPUSH l a b c d e f
        LTRIM l 1 -2
        LRANGE l 0 -1
        LTRIM l 0 -1
        LTRIM l -3 100
        LRANGE l 0 -1
        LTRIM l x 1
        LTRIM l 2 1
        EXISTS l
        LTRIM l 0 1
        LTRIM l x 1
        SET s v
        LSET s 0 a
        LSET s x a
        LINSERT s BEFORE a b
        LINSERT s what a b
        LREM s 0 a
        LREM s x a
        LTRIM s 0 1
        LTRIM s x 1
    """,
    "positions": """
        RPUSH l a b c 1 2 3 c c
        LPOS l a
        LPOS l c
        LPOS l none
        LPOS l c RANK 2
        LPOS l c RANK -1
        LPOS l c RANK -4
        LPOS l c RANK 4
        LPOS l c COUNT 2
        LPOS l c COUNT 0
        LPOS l c COUNT 100
        LPOS l c RANK -1 COUNT 2
        LPOS l c RANK -2 COUNT 0
        LPOS l c MAXLEN 2
        LPOS l c MAXLEN 3
        LPOS l c MAXLEN 0 COUNT 0
        LPOS l c RANK -1 MAXLEN 1
        LPOS l c MAXLEN 1 RANK -2 COUNT 3
        LPOS l none COUNT 2
        LPOS l c RANK 2 RANK 1
        LPOS l c rank 2 count 1 maxlen 8
        LPOS missing a
        LPOS missing a COUNT 1
        LPOS missing a RANK 0
        LPOS l c RANK 0
        LPOS l c RANK x
        LPOS l c RANK -9223372036854775808
        LPOS l c RANK -9223372036854775807
        LPOS l c RANK 9223372036854775807
        LPOS l c COUNT -1
        LPOS l c COUNT x
        LPOS l c MAXLEN -1
        LPOS l c MAXLEN x
        LPOS l c RANK
        LPOS l c COUNT 1 MAXLEN
        LPOS l c WHAT 1
        LPOS l
        SET s v
        LPOS s a
        LPOS s a RANK 0
    """,
    "move": """
        RPUSH l a b c
        LMOVE l d LEFT RIGHT
        LMOVE l d right left
        LMOVE l l LEFT RIGHT
        RPUSH l x y
        LMOVE l l LEFT RIGHT
        LMOVE l l LEFT LEFT
        RPOPLPUSH l l
        RPOPLPUSH l d
        LRANGE l 0 -1
        LRANGE d 0 -1
        LMOVE l d WHAT LEFT
        LMOVE l d LEFT WHAT
        LMOVE missing d LEFT LEFT
        LMOVE missing d WHAT LEFT
        RPOPLPUSH missing d
        SET s v
        LMOVE l s LEFT LEFT
        LMOVE s l LEFT LEFT
        LMOVE missing s LEFT LEFT
        RPOPLPUSH l s
        RPOPLPUSH s l
        LRANGE l 0 -1
        LMOVE l d LEFT LEFT
        LMOVE l d LEFT LEFT
        EXISTS l
        LMOVE l
        RPOPLPUSH l
        EXPIRE d 1000
        RPUSH l 1 2
        RPOPLPUSH l d
        approx: TTL d
        TTL l
    """,
    "pop from several": """
        RPUSH l a b c d
        RPUSH m e f g h
        LMPOP 1 l LEFT
        LMPOP 2 missing l RIGHT
        LMPOP 2 l m LEFT COUNT 10
        LMPOP 2 l m RIGHT COUNT 2
        LMPOP 2 l m LEFT count 1
        LMPOP 1 missing LEFT
        LMPOP 1 missing LEFT COUNT 3
        LMPOP 0 m LEFT
        LMPOP -1 m LEFT
        LMPOP x m LEFT
        LMPOP 9223372036854775807 m LEFT
        LMPOP 9223372036854775808 m LEFT
        LMPOP 2 m LEFT
        LMPOP 1 m
        LMPOP 1 m WHAT
        LMPOP 1 m LEFT WHAT 1
        LMPOP 1 m LEFT COUNT
        LMPOP 1 m LEFT COUNT 0
        LMPOP 1 m LEFT COUNT -1
        LMPOP 1 m LEFT COUNT x
        LMPOP 1 m LEFT COUNT 1 COUNT 1
        LMPOP 1 m LEFT COUNT x COUNT 1
        LMPOP 1 m LEFT COUNT 1 WHAT
        LMPOP 3 m LEFT COUNT 2
        SET s v
        LMPOP 2 s m LEFT
        LMPOP 2 missing s LEFT
        LMPOP 2 m s LEFT COUNT 10
        EXISTS m
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_list_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


@pytest.mark.parametrize("size", [-2, -1, 1, 3, 128])
@pytest.mark.parametrize("command", ["LPUSH", "RPUSH"])
def test_encoding_of_a_growing_list(resp2_pair: Pair, command: str, size: int) -> None:
    """OBJECT ENCODING of a growing list changes where the reference's does."""
    with resp2_pair.configured(list_max_listpack_size=size):
        for count in (1, 2, 1, 50, 4, 3, 2, 1, 20, 30, 5, 5, 5, 5, 5):
            resp2_pair.do(command, "l", *["element" * 10] * count)
            resp2_pair.do("OBJECT", "ENCODING", "l")


@pytest.mark.parametrize(
    "command", [("LSET", "l", 1), ("LINSERT", "l", "AFTER", "b"), ("LINSERT", "l", "BEFORE", "none"), ("LPUSHX", "l")]
)
@pytest.mark.parametrize("length", [8000, 8150, 8160, 8170, 8176, 8180, 8190, 8200])
def test_encoding_depends_on_one_element(resp2_pair: Pair, command: tuple[str, ...], length: int) -> None:
    """One element makes a short list a quicklist where the reference's becomes one, however it comes in."""
    resp2_pair.do("RPUSH", "l", "a", "b", "c")
    resp2_pair.do(*command, "x" * length)
    resp2_pair.do("OBJECT", "ENCODING", "l")


def test_a_long_list(pair: Pair) -> None:
    """A list of many elements is read and changed at both ends and in the middle."""
    pair.do("RPUSH", "l", *range(5000))
    pair.do("LPUSH", "l", *range(300))
    pair.do("LRANGE", "l", 0, -1)
    pair.do("LRANGE", "l", 2000, 2600)
    pair.do("LPOS", "l", 299, "COUNT", 0)
    pair.do("LINSERT", "l", "AFTER", 2500, "new")
    pair.do("LINDEX", "l", 2801)
    pair.do("LREM", "l", -1, 4999)
    pair.do("LPOP", "l", 4000)
    pair.do("LTRIM", "l", 10, -10)
    pair.do("LRANGE", "l", 0, -1)


def test_too_many_arguments_in_a_transaction(pair: Pair) -> None:
    """What only the command itself finds out is queued, and fails alone."""
    pair.play("""
        RPUSH l a b
        MULTI
        LPOP l 1 2
        LPOP l
        EXEC
        MULTI
        LLEN l l
        EXEC
        LRANGE l 0 -1
    """)


class ListMachine(ParityMachine):
    """All list commands that do not block."""

    beginning = (("RPUSH", "k1", "a", "b", "foo", "a"), ("RPUSH", "k2", "12", "bar"))
    _count = s.one_of(s.count, s.integer)
    _side = s.flag("LEFT", "RIGHT", "RIGHT", "left")
    commands = (
        ("LPUSH", s.any_key, s.many(s.value)),
        ("RPUSH", s.any_key, s.many(s.value)),
        ("RPUSH", s.key, s.many(s.word, least=3, most=9)),
        ("LPUSHX", s.any_key, s.many(s.value, most=2)),
        ("RPUSHX", s.any_key, s.many(s.value, most=2)),
        ("LPOP", s.any_key, s.maybe(_count)),
        ("RPOP", s.any_key, s.maybe(_count)),
        ("LLEN", s.any_key),
        ("LRANGE", s.any_key, s.index, s.index),
        ("LINDEX", s.any_key, s.index),
        # Beyond 32 bits the reference takes a part of an index for the whole.
        s.command("LSET", s.any_key, s.one_of(s.count, "-2", "-5", "100", "x"), s.value, damaged=False),
        ("LINSERT", s.any_key, s.flag("BEFORE", "AFTER"), s.word, s.value),
        ("LREM", s.any_key, s.one_of(s.index, s.integer), s.word),
        ("LTRIM", s.any_key, s.index, s.index),
        (
            "LPOS",
            s.any_key,
            s.word,
            s.options(["RANK", s.one_of(s.index, s.integer)], ["COUNT", _count], ["MAXLEN", _count]),
        ),
        ("LMOVE", s.any_key, s.any_key, _side, _side),
        ("RPOPLPUSH", s.any_key, s.any_key),
        ("LMPOP", s.flag("1", "2", "2"), s.many(s.any_key, most=2), _side, s.maybe("COUNT", _count)),
        ("DEL", s.any_key),
    )


def test_lists_in_step(pair: Pair) -> None:
    """Random scripts of list commands leave both servers with the same replies and the same data."""
    run_machine(ListMachine, pair)


def test_list_events(pair: Pair) -> None:
    """Each list command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(ListMachine, pair, events="KEAn")
