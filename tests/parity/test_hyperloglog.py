"""The HyperLogLog commands: the same counts and the same bytes, then random scripts over all of them."""

from __future__ import annotations

import pytest

from . import strategies as s
from .machine import ParityMachine, run_machine
from .pair import Pair

SCRIPTS = {
    "adding and counting": """
        PFADD k
        GET k
        PFADD k
        PFCOUNT k
        GET k
        PFADD k a b c
        GET k
        PFADD k a b
        PFCOUNT k
        GET k
        PFCOUNT k none
        PFCOUNT none
        OBJECT ENCODING k
        APPEND k x
        GET k
    """,
    "merging": """
        PFMERGE d
        GET d
        PFADD a 1 2 3
        PFADD b 3 4 5
        PFMERGE d a b none
        GET d
        PFCOUNT d a
        PFMERGE a a
        GET a
        PFDEBUG TODENSE b
        PFMERGE d b
        PFDEBUG ENCODING d
        PFCOUNT d
    """,
    "refusals": """
        SET s text
        RPUSH l a
        SET short HYLL
        PFADD s a
        PFADD l a
        PFADD short a
        PFCOUNT s
        PFCOUNT l
        PFCOUNT none s
        PFCOUNT none l
        PFMERGE d s
        PFMERGE d l
        PFMERGE l none
        EXISTS d
        SET bad "HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x7f\\xfe"
        PFADD bad
        PFCOUNT bad
        PFCOUNT bad bad
        PFMERGE d bad
        PFDEBUG DECODE bad
        PFDEBUG TODENSE bad
        GET bad
        PFADD
    """,
    "looking inside": """
        PFADD k a b c
        PFDEBUG ENCODING k
        PFDEBUG DECODE k
        PFDEBUG FOO k
        PFDEBUG FOO none
        PFDEBUG TODENSE k
        PFDEBUG TODENSE k
        PFDEBUG DECODE k
        PFDEBUG encoding k
        PFDEBUG GETREG k
        PFDEBUG SIMD ON
        PFDEBUG SIMD off
        SET s text
        PFDEBUG FOO s
        RPUSH l a
        PFDEBUG FOO l
        PFSELFTEST
    """,
    "counting is a change, adding what is known is none": """
        PFADD k a
        WATCH k
        PFADD k a
        MULTI
        PING
        EXEC
        WATCH k
        PFCOUNT k
        MULTI
        PING
        EXEC
        WATCH k
        PFCOUNT k
        MULTI
        PING
        EXEC
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_hyperloglog_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


def test_thousands_of_elements(resp2_pair: Pair) -> None:
    """From sparse to dense, the counts and the bytes are the reference's; a deadline stays."""
    pair = resp2_pair
    pair.do("PFADD", "k", "first")
    pair.do("EXPIRE", "k", 10_000)
    for first in range(0, 5000, 100):
        pair.do("PFADD", "k", *(f"element:{n * 7919}" for n in range(first, first + 100)))
        pair.do("PFADD", "other", *range(first, first + 100, 7))
        pair.do("PFCOUNT", "k")
        pair.do("GET", "k")
    pair.do("PFCOUNT", "k", "other")
    pair.do("PFMERGE", "other", "k")
    pair.do("GET", "other")
    pair.do("PERSIST", "k")


def test_sparse_limit(resp2_pair: Pair) -> None:
    """hll-sparse-max-bytes says when a HyperLogLog becomes dense."""
    with resp2_pair.configured(hll_sparse_max_bytes=100):
        for n in range(60):
            resp2_pair.do("PFADD", "k", n)
            resp2_pair.do("STRLEN", "k")


element = s.one_of(s.word, s.value, s.flag(*map(str, range(30))))


class HyperLogLogMachine(ParityMachine):
    """All HyperLogLog commands."""

    encodings = False
    beginning = (("PFADD", "k1", "a", "b"), ("PFADD", "k2", "b"), ("PFDEBUG", "TODENSE", "k2"))
    commands = (
        ("PFADD", s.any_key, s.many(element, least=0)),
        ("PFADD", s.key, s.many(element)),
        ("PFCOUNT", s.any_key),
        ("PFCOUNT", s.many(s.any_key)),
        ("PFMERGE", s.any_key, s.many(s.any_key, least=0, most=3)),
        ("PFDEBUG", s.flag("ENCODING", "DECODE", "TODENSE", "foo"), s.any_key),
        ("GET", s.any_key),
        ("SET", s.key, s.value),
        ("DEL", s.key),
    )


def test_hyperloglogs_in_step(pair: Pair) -> None:
    """Random scripts of HyperLogLog commands leave both servers with the same replies and the same data."""
    run_machine(HyperLogLogMachine, pair)


def test_hyperloglog_events(pair: Pair) -> None:
    """Each HyperLogLog command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(HyperLogLogMachine, pair, events="KEAn")


def test_registers_that_no_hash_brings(resp2_pair: Pair) -> None:
    """A string whose registers are all at their end is counted as the reference counts it, also beyond 64 bits."""
    head = b"HYLL\0\0\0\0" + b"\0" * 7 + b"\x80"
    alike = [sum(value << 6 * place for place in range(4)).to_bytes(3, "little") * 4096 for value in range(44, 64)]
    for registers in (*alike, b"\xff" * 12285 + b"\0" * 3, b"\xff" * 3 + b"\0" * 12285):
        resp2_pair.do("SET", "k", head + registers)
        for keys in (("k",), ("k",), ("k", "none")):
            resp2_pair.do("PFCOUNT", *keys)
        resp2_pair.do("GET", "k")
        resp2_pair.do("PFMERGE", "d", "k")
        resp2_pair.do("PFCOUNT", "d")
