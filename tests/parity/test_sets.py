"""The set commands, one script each for what they promise, then random scripts over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.wire import Reply
from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import items, unordered
from .pair import Pair

SCRIPTS = {
    "add and remove": """
        SADD k a
        SADD k a b c b
        SADD k
        SCARD k
        SCARD missing
        SISMEMBER k a
        SISMEMBER k z
        SISMEMBER missing a
        SMISMEMBER k a z b
        SMISMEMBER missing a b
        SMISMEMBER k
        SMEMBERS k
        SMEMBERS missing
        SREM k a z
        SREM k b c
        EXISTS k
        SREM missing a
        SET str x
        SADD str a
        SREM str a
        SCARD str
        SISMEMBER str a
        SMISMEMBER str a
        SMEMBERS str
    """,
    "order and encoding": """
        SADD ints 3 1 2 -5 10
        SMEMBERS ints
        OBJECT ENCODING ints
        SADD ints x
        SMEMBERS ints
        OBJECT ENCODING ints
        SADD words z 3 1
        SMEMBERS words
        OBJECT ENCODING words
        SREM words 3
        SADD words 3
        SMEMBERS words
        SADD odd 01 +1 -0 9223372036854775808
        OBJECT ENCODING odd
        SADD edges 9223372036854775807 -9223372036854775808
        OBJECT ENCODING edges
        SMEMBERS edges
    """,
    "move": """
        SADD a x y
        SADD b y
        SMOVE a b x
        SMOVE a b y
        EXISTS a
        SMOVE a b x
        SMOVE b b x
        SMOVE b b nothing
        SMOVE b new x
        SMEMBERS new
        SMEMBERS b
        SET str x
        SMOVE b str y
        SMOVE b str nothing
        SMOVE str b x
        SMOVE missing str x
        SMOVE missing b x
        SMOVE b c
    """,
    "pop and draw refuse": """
        SADD k a b
        SET str x
        SPOP k -1
        SPOP k x
        SPOP k 9223372036854775808
        SPOP k 1 2
        SPOP str x
        SPOP str 1
        SPOP str
        SPOP k 0
        SPOP missing
        SPOP missing 3
        SRANDMEMBER k x
        SRANDMEMBER k -9223372036854775808
        SRANDMEMBER k 9223372036854775808
        SRANDMEMBER k 1 2
        SRANDMEMBER k 0
        SRANDMEMBER str
        SRANDMEMBER str 1
        SRANDMEMBER missing
        SRANDMEMBER missing -3
        SCARD k
    """,
    "pop and draw": """
        SADD k a b c d e
        shape: SRANDMEMBER k
        shape: SRANDMEMBER k 2
        shape: SRANDMEMBER k -20
        unordered: SRANDMEMBER k 5
        unordered: SRANDMEMBER k 50
        shape: SPOP k
        shape: SPOP k 3
        SCARD k
        shape: SPOP k 1
        EXISTS k
        SADD k a b
        unordered: SPOP k 50
        EXISTS k
    """,
    "intersections": """
        SADD a 1 2 3 x y
        SADD b 3 2 1
        SADD c y 2 z 1
        SINTER a b
        SINTER b a c
        SINTER a
        SINTER a missing
        SINTER a a
        SET str x
        SINTER missing str
        SINTERCARD 2 a b
        SINTERCARD 2 a b LIMIT 2
        SINTERCARD 2 a b LIMIT 0
        SINTERCARD 2 a b limit 1 LIMIT 9
        SINTERCARD 2 a missing
        SINTERCARD 0 a
        SINTERCARD x a
        SINTERCARD 3 a b
        SINTERCARD 1 a LIMIT
        SINTERCARD 1 a LIMIT -1
        SINTERCARD 1 a LIMIT x
        SINTERCARD 1 a b
        SINTERCARD 1 str LIMIT x
        SINTERCARD 2 missing str
        SINTERSTORE d a c
        SMEMBERS d
        SINTERSTORE d a b
        SMEMBERS d
        OBJECT ENCODING d
        SINTERSTORE d c a
        SMEMBERS d
        SINTERSTORE d a missing
        EXISTS d
        SINTERSTORE str a b
        TYPE str
        SINTERSTORE a a b
        SMEMBERS a
    """,
    "a result keeps the order of the set that it comes from": """
        SADD a x 10 9
        SREM a x
        SADD a y
        SMEMBERS a
        SINTERSTORE d a a
        SMEMBERS d
        OBJECT ENCODING d
        SUNIONSTORE d a missing
        SMEMBERS d
        SREM a y
        SMEMBERS a
        OBJECT ENCODING a
        SINTERSTORE d a a
        SMEMBERS d
        OBJECT ENCODING d
    """,
    "unions and differences": """
        SADD a 3 1 2
        SADD b 5 2
        SADD c x 1
        SUNION a b
        unordered: SUNION a c
        SUNION missing
        SUNION a missing
        SDIFF a b
        unordered: SDIFF c a
        SDIFF missing a
        SDIFF a a
        SDIFF a missing
        SET str x
        SUNION a str
        SDIFF missing str
        SUNIONSTORE d c a
        SMEMBERS d
        OBJECT ENCODING d
        SUNIONSTORE d a b
        SMEMBERS d
        SDIFFSTORE d c b
        SMEMBERS d
        SDIFFSTORE d a a
        EXISTS d
        SDIFFSTORE str a b
        TYPE str
        SUNIONSTORE str missing
        EXISTS str
        SUNIONSTORE a a b
        SMEMBERS a
        SUNIONSTORE d
        SDIFF
    """,
    "scan": """
        SADD k a b c 1
        SSCAN k 0
        SSCAN k 0 MATCH [ab] COUNT 1
        SSCAN k 0 match * count 1
        SSCAN k 0 MATCH "" COUNT 1
        SSCAN missing 0 COUNT x
        SSCAN k x
        SSCAN k -1
        SSCAN k +0
        SSCAN k 0 COUNT x
        SSCAN k 0 COUNT 0
        SSCAN k 0 COUNT
        SSCAN k 0 MATCH
        SSCAN k 0 TYPE set
        SSCAN k 0 NOVALUES
        SSCAN k 0 NOSCORES
        SSCAN k 0 FOO 1
        SET str x
        SSCAN str x
        SSCAN str 0 COUNT x
    """,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(pair: Pair, script: str) -> None:
    """Each family of set commands answers as the reference's does."""
    pair.play(script)


@pytest.mark.parametrize("size", [127, 128, 129, 511, 512, 513])
def test_sizes_at_which_the_encoding_changes(pair: Pair, size: int) -> None:
    """Sets and results of set operations change their encoding at the reference's sizes."""
    numbers = [str(number) for number in range(size)]
    pair.do("SADD", "ints", *numbers)
    pair.do("SADD", "mixed", "x", *numbers[1:])
    pair.do("SADD", "long", "y" * 65, "x", *numbers[:20])
    for key in numbers[: size // 2]:
        pair.do("SADD", "grown", key)
    pair.do("SADD", "former", "x", *numbers)
    pair.do("SREM", "former", "x")
    keys = ("ints", "mixed", "long", "grown", "former", "missing")
    for key in keys:
        pair.do("OBJECT", "ENCODING", key)
    for command in ("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"):
        for one in keys:
            for other in keys:
                pair.do(command, "d", one, other)
                pair.do("OBJECT", "ENCODING", "d")


def test_popping_most_members_changes_the_encoding(pair: Pair) -> None:
    """What a large pop leaves has the reference's encoding."""
    for left in (1, 40, 100):
        pair.do("DEL", "k")
        pair.do("SADD", "k", *(f"m{number}" for number in range(300)))
        pair.do("SPOP", "k", 300 - left, match=_same_length)
        pair.do("SCARD", "k")
        pair.do("OBJECT", "ENCODING", "k")


def _same_length(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    if len(reference.value) != len(subject.value):
        yield f"{path}: {len(reference.value)} and {len(subject.value)} members"


def test_a_scan_of_a_large_set_is_complete(pair: Pair) -> None:
    """Pages of SSCAN together hold every member that was there all the time, while others come and go."""
    members = [b"m%d" % number for number in range(1000)]
    pair.do("SADD", "k", *members)
    for client in pair.clients:
        found, cursor, pages = set(), b"0", 0
        while pages == 0 or cursor != b"0":
            cursor, page = (part.value for part in client.do("SSCAN", "k", cursor, "COUNT", "50").value)
            found.update(member.value for member in page)
            client.do("SADD", "k", f"new{pages}")
            client.do("SREM", "k", f"new{pages - 2}")
            pages += 1
            assert pages < 1000
        assert found.issuperset(members)


class SetMachine(ParityMachine):
    """The set commands."""

    beginning = (
        ("SADD", "k1", "1", "2", "3", "12"),
        ("SADD", "k2", "a", "b", "12", "foo"),
        ("SADD", "k3", *(str(number) for number in range(-3, 6))),
    )

    member = s.one_of(s.value, s.index)
    keys = s.many(s.any_key, most=3)

    commands = (
        ("SADD", s.any_key, s.many(member)),
        ("SADD", s.any_key, s.many(member, most=10)),
        ("SREM", s.any_key, s.many(member)),
        ("SMOVE", s.any_key, s.any_key, member),
        ("SCARD", s.any_key),
        ("SISMEMBER", s.any_key, member),
        ("SMISMEMBER", s.any_key, s.many(member)),
        s.command("SMEMBERS", s.any_key, match=unordered()),
        s.command("SINTER", keys, match=unordered()),
        s.command("SUNION", keys, match=unordered()),
        s.command("SDIFF", keys, match=unordered()),
        ("SINTERSTORE", s.any_key, keys),
        ("SUNIONSTORE", s.any_key, keys),
        ("SDIFFSTORE", s.any_key, keys),
        ("SINTERCARD", s.flag("1", "2", "2"), s.any_key, s.any_key, s.maybe("LIMIT", s.count)),
        s.command("SRANDMEMBER", s.any_key, s.flag("0", "1000"), match=unordered(), damaged=False),
        s.command("SPOP", s.any_key, s.flag("0", "1000"), match=unordered(), damaged=False),
        s.command("SSCAN", s.any_key, 0, "COUNT", 1000, s.maybe("MATCH", s.pattern), match=items({1: unordered()})),
    )


def test_sets_in_step(pair: Pair) -> None:
    """Random scripts of set commands leave both servers with the same replies and the same data."""
    run_machine(SetMachine, pair)


def test_set_events(resp2_pair: Pair) -> None:
    """Each set command publishes the reference's keyspace events, in its order."""
    run_machine(SetMachine, resp2_pair, events="KEA")
