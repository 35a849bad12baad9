"""DUMP and RESTORE: the order of the errors, deadlines, events, and values that go from each server to the other."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from geventcache.persistence import payload

from ..persistence.samples import SAMPLES, VOLATILE_HASHES, made_here
from ..support.wire import quoted
from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import exact, mapping, unordered
from .pair import Pair

PAYLOADS = {name.replace(" ", "_"): payload.dump(value, True) for name, value in made_here().items()}
DAMAGED = payload.sealed(b"\x01\x02\x01a", 10)
NEWER = payload.sealed(b"\x00\x01a", 13)
EMPTY = payload.sealed(b"\x01\x00", 10)
WORDS = {**PAYLOADS, "damaged": DAMAGED, "newer": NEWER, "empty": EMPTY, "wrong": PAYLOADS["list"][:-1] + b"?"}

READERS = {
    b"string": lambda key: ("GET", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    b"hash": lambda key: ("HGETALL", key),
    b"stream": lambda key: ("XRANGE", key, "-", "+"),
}
MATCHERS = {b"set": unordered(), b"hash": mapping()}

SCRIPTS = {
    "frame": """
        DUMP
        DUMP missing
        DUMP a b
        RESTORE
        RESTORE k 0
        RESTORE k 0 {list}
        RESTORE k 0 {list}
        RESTORE k 0 {list} REPLACE
        restore k 0 {set} replace
        SMEMBERS k
        RESTORE k 0 {list} REPLACE REPLACE ABSTTL
        LRANGE k 0 -1
    """,
    "all types": """
        RESTORE s 0 {string}
        GET s
        RESTORE n 0 {number}
        OBJECT ENCODING n
        INCR n
        RESTORE c 0 {compressed}
        GET c
        RESTORE l 0 {list}
        LRANGE l 0 -1
        RESTORE t 0 {set}
        unordered: SMEMBERS t
        RESTORE z 0 {zset}
        ZRANGE z 0 -1 WITHSCORES
        RESTORE h 0 {hash}
        mapping: HGETALL h
        RESTORE v 0 {volatile_hash}
        HPEXPIRETIME v FIELDS 2 f g
        RESTORE x 0 {stream}
        XRANGE x - +
        XPENDING x g
        XADD x 9-9 a b
        XTRIM x MAXLEN ~ 1
        XLEN x
        XINFO STREAM x
    """,
    "order of errors": """
        SET k v
        RESTORE k x {wrong} WHAT
        RESTORE k x {wrong} FREQ
        RESTORE k x {wrong} IDLETIME
        RESTORE k x {wrong} FREQ x
        RESTORE k x {wrong} FREQ 256
        RESTORE k x {wrong} FREQ -1
        RESTORE k x {wrong} IDLETIME -1
        RESTORE k x {wrong} IDLETIME 1 FREQ 1
        RESTORE k x {wrong} FREQ 1 IDLETIME 1
        RESTORE k x {wrong} IDLETIME 1 IDLETIME 1
        RESTORE k x {wrong} FREQ 1 FREQ x
        RESTORE k x {wrong} IDLETIME 1
        RESTORE k x {wrong} REPLACE
        RESTORE k -1 {wrong} REPLACE
        RESTORE k 0 {wrong} REPLACE
        RESTORE k 0 "" REPLACE
        RESTORE k 0 123456789 REPLACE
        RESTORE k 0 {newer} REPLACE
        RESTORE k 0 {damaged} REPLACE
        RESTORE k 0 {empty} REPLACE
        RESTORE k 0 {empty}
        GET k
    """,
    "deadlines": """
        RESTORE k 100000 {list}
        approx_ms: PTTL k
        RESTORE k 4000000000000 {list} ABSTTL REPLACE
        PEXPIRETIME k
        RESTORE k 0 {list} ABSTTL REPLACE
        PTTL k
        RESTORE k 1 {list} ABSTTL REPLACE
        EXISTS k
        RESTORE k 1 {list} ABSTTL
        EXISTS k
        RESTORE k 1 {damaged} ABSTTL
        RESTORE k 100000 {string} FREQ 7
        RESTORE k 100000 {string} IDLETIME 1000 REPLACE
        OBJECT FREQ k
    """,
    "blocked and watched": """
        [other] WATCH k
        [other] MULTI
        [other] GET k
        RESTORE k 0 {string}
        [other] EXEC
        [other] WATCH k
        [other] MULTI
        [other] GET k
        RESTORE k 1 {string} ABSTTL REPLACE
        [other] EXEC
        [other] WATCH k
        [other] MULTI
        [other] GET k
        RESTORE k 1 {string} ABSTTL REPLACE
        [other] EXEC
        MULTI
        RESTORE k 0 {list}
        LLEN k
        EXEC
        EVAL "return redis.call('RESTORE', KEYS[1], 0, ARGV[1])" 1 e {list}
        LLEN e
        RESTORE-ASKING e 0 {list}
        RESTORE-ASKING e 0 {list} REPLACE
        RESTORE-ASKING f 1 {list} ABSTTL
    """,
    "keys": """
        COMMAND GETKEYS DUMP a
        COMMAND GETKEYS RESTORE a 0 x REPLACE
        COMMAND GETKEYS RESTORE-ASKING a 0 x REPLACE
        COMMAND GETKEYSANDFLAGS DUMP a
        COMMAND GETKEYSANDFLAGS RESTORE a 0 x
    """,
}


def filled_in(script: str) -> str:
    """A script with the payloads in the places of their names."""
    for name, data in WORDS.items():
        script = script.replace("{" + name + "}", quoted(data))
    return script


@pytest.mark.parametrize("name", SCRIPTS)
def test_dump_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(filled_in(SCRIPTS[name]))


def test_events(resp2_pair: Pair) -> None:
    """What is published, and in which order."""
    pair = resp2_pair
    with pair.configured(**{"notify-keyspace-events": "KEA"}):
        listener = pair.client("listener")
        listener.do("PSUBSCRIBE", "*")
        pair.play(
            filled_in("""
                RESTORE k 0 {list}
                RESTORE k 100000 {list} REPLACE
                RESTORE k 1 {list} ABSTTL REPLACE
                RESTORE k 1 {list} ABSTTL REPLACE
                RESTORE v 0 {volatile_hash}
            """)
        )
        listener.drain()


def test_a_blocked_client_is_served(pair: Pair) -> None:
    """A list that is restored is as good as one that was pushed."""
    waiter = pair.client("waiter")
    waiter.send("BLPOP", "k", 0)
    pair.wait_blocked(1)
    pair.do("RESTORE", "k", 0, PAYLOADS["list"])
    waiter.receive()


def test_policies(pair: Pair) -> None:
    """IDLETIME counts where the policy goes by that, FREQ where it goes by the other."""
    with pair.configured(**{"maxmemory-policy": "allkeys-lru"}):
        pair.play(
            filled_in(
                "RESTORE k 0 {list} IDLETIME 1000\nOBJECT IDLETIME k\nRESTORE f 0 {list} FREQ 200\nOBJECT IDLETIME f"
            )
        )
    with pair.configured(**{"maxmemory-policy": "allkeys-lfu"}):
        pair.play(
            filled_in("RESTORE l 0 {list} FREQ 200\nOBJECT FREQ l\nRESTORE i 0 {list} IDLETIME 1000\nOBJECT FREQ i")
        )


def test_relaxed(pair: Pair) -> None:
    """Any version is taken, if a setting says so."""
    with pair.configured(**{"rdb-version-check": "relaxed"}):
        pair.do("RESTORE", "k", 0, NEWER)
        pair.do("GET", "k")


def test_values_go_both_ways(pair: Pair) -> None:
    """What one server dumps the other restores, and both then have the same data."""
    commands = [command for commands in SAMPLES.values() for command in commands]
    reference, subject = pair.clients
    for command in commands:
        if not command[0].startswith("X"):  # type: ignore[union-attr]
            pair.do(*command)
        else:
            reference.do(*command)
    for commands in VOLATILE_HASHES.values():
        for command in commands:
            pair.do(*command)
    for key in (*SAMPLES, *VOLATILE_HASHES):
        theirs = reference.do("DUMP", key).value
        assert subject.do("RESTORE", key, 0, theirs, "REPLACE").value == b"OK", key
        ours = subject.do("DUMP", key).value
        assert reference.do("RESTORE", key, 0, ours, "REPLACE").value == b"OK", key
        kind = pair.do("TYPE", key).value
        pair.do("OBJECT", "ENCODING", key)
        pair.do(*READERS[kind](key), match=MATCHERS.get(kind, exact))
        if kind == b"stream":
            pair.do("XINFO", "GROUPS", key)
            pair.do("XINFO", "STREAM", key)


class DumpMachine(ParityMachine):
    """Values that are restored, and changed by others."""

    commands = (
        (
            "RESTORE",
            s.any_key,
            st.sampled_from([b"0", b"0", b"0", b"4000000000000", b"-1", b"x"]),
            st.sampled_from([*WORDS.values(), *PAYLOADS.values(), *PAYLOADS.values()]),
            s.options("REPLACE", "ABSTTL", ["IDLETIME", 5], ["FREQ", 5]),
        ),
        ("LPUSH", s.any_key, s.word),
        ("SADD", s.any_key, s.word),
        ("ZADD", s.any_key, 5, s.word),
        ("HSET", s.any_key, s.word, s.word),
        ("APPEND", s.any_key, s.word),
        ("XADD", s.any_key, "MAXLEN", "~", 3, "50-*", s.word, s.word),
        ("DEL", s.any_key),
        ("COPY", s.any_key, s.any_key),
        ("XREADGROUP", "GROUP", "g", "carol", "COUNT", 1, "STREAMS", s.any_key, ">"),
        ("XACK", s.any_key, "g", "1-6"),
        ("HPERSIST", s.any_key, "FIELDS", 1, "f"),
        ("RPOP", s.any_key),
    )


def test_dump_in_step(pair: Pair) -> None:
    """Random scripts with RESTORE leave both servers with the same replies and the same data."""
    run_machine(DumpMachine, pair)
