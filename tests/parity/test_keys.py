"""The generic commands: deadlines, renaming, copying, scanning, and what OBJECT and MEMORY say about a key."""

from __future__ import annotations

import pytest

from ..support.wire import Reply
from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import approx, exact, items, shape, unordered
from .pair import Pair

SCRIPTS = {
    "del, unlink, exists, touch": """
        MSET a 1 b 2 c 3
        EXISTS a
        EXISTS a a missing
        TOUCH a missing a
        DEL a a missing
        UNLINK b missing b
        DBSIZE
        DEL
        UNLINK
        EXISTS
        TOUCH
    """,
    "expire": """
        EXPIRE missing 100
        SET k v
        TTL k
        TTL missing
        PTTL missing
        EXPIRE k 1000
        approx: TTL k
        approx_ms: PTTL k
        EXPIRE k 1000 NX
        EXPIRE k 5000 XX
        EXPIRE k 100 GT
        EXPIRE k 9000 GT
        EXPIRE k 20000 LT
        EXPIRE k 3000 LT
        approx: TTL k
        EXPIRE k 10 NX XX
        EXPIRE k 10 NX GT
        EXPIRE k 10 GT LT
        EXPIRE k 100000 XX GT
        EXPIRE k 1000 XX LT
        EXPIRE k 10 WHAT
        EXPIRE k 10 NX NX
        EXPIRE k x
        EXPIRE k 1.5
        EXPIRE k
        EXPIRE k 9223372036854775807
        EXPIRE k -9223372036854775808
        EXPIRE k 9223372036854775
        PEXPIRE k 9223372036854775807
        PEXPIRE k -9223372036854775808
        EXPIREAT k 9223372036854775807
        EXPIRE missing x
        PERSIST k
        PERSIST k
        PERSIST missing
        EXPIRE k 1000 GT
        TTL k
        EXPIRE k 1000 LT
        approx: TTL k
        EXPIRE k 0
        EXISTS k
        SET k v
        EXPIRE k -1
        EXISTS k
        SET k v
        PEXPIREAT k 1
        EXISTS k
        SET k v EX 1000
        EXPIRE k -1 GT
        EXISTS k
        EXPIRE k -1 LT
        EXISTS k
    """,
    "absolute deadlines": """
        SET k v
        EXPIRETIME k
        PEXPIRETIME k
        EXPIRETIME missing
        PEXPIRETIME missing
        EXPIREAT k 4000000000
        EXPIRETIME k
        PEXPIRETIME k
        PEXPIREAT k 4000000000999
        EXPIRETIME k
        PEXPIRETIME k
        PEXPIREAT k 4000000000500
        EXPIRETIME k
        EXPIREAT k 4000000000 GT
        EXPIREAT k 4000000001 GT
        PEXPIREAT k 4000000001000 GT
        PEXPIREAT k 4000000001000 LT
        PEXPIREAT k 4000000000999 LT
        PEXPIREAT k 1 LT
        EXISTS k
        RPUSH l a
        EXPIREAT l 4000000000
        EXPIRETIME l
        RPUSH l b
        EXPIRETIME l
    """,
    "rename": """
        RENAME missing k
        RENAMENX missing k
        RENAME missing missing
        SET a 1 EX 1000
        SET b 2
        RENAME a a
        RENAMENX a a
        RENAME a b
        approx: TTL b
        EXISTS a
        SET c 3
        RENAMENX b c
        RENAMENX b d
        approx: TTL d
        RENAME c d
        TTL d
        RENAME a
        RENAMENX a b c
    """,
    "copy and move": """
        SET a 1 EX 1000
        COPY a b
        approx: TTL b
        COPY a b
        COPY a b REPLACE
        COPY a a
        COPY a a DB 0
        COPY a a DB 1
        COPY a a DB 1 REPLACE
        COPY a b DB 99
        COPY a b DB -1
        COPY a b DB x
        COPY a b DB
        COPY a b WHAT
        COPY a b REPLACE DB 1
        COPY missing b
        COPY missing b REPLACE
        EXISTS b
        MOVE a 1
        MOVE b 0
        MOVE b 2
        MOVE b 99
        MOVE b x
        MOVE b -1
        MOVE missing 1
        MOVE a
        SELECT 2
        approx: TTL b
        GET b
        SELECT 1
        unordered: KEYS *
        SELECT 0
        SWAPDB 0 1
        unordered: KEYS *
        SWAPDB 0 0
        SWAPDB 0 99
        SWAPDB x 1
        SWAPDB 2147483648 1
        SWAPDB 0 -2147483649
        SELECT 2147483648
        SELECT 99
        SWAPDB 1 x
        SWAPDB -1 0
        SWAPDB 0
    """,
    "keys": r"""
        MSET hello 1 hallo 2 hxllo 3 hllo 4 h[llo 5 "a\\b" 6 "" 7 "\xff" 8
        unordered: KEYS *
        unordered: KEYS h?llo
        unordered: KEYS h*llo
        unordered: KEYS h[ae]llo
        unordered: KEYS h[^e]llo
        unordered: KEYS h[a-b]llo
        unordered: KEYS h[b-a]llo
        unordered: KEYS "h\\[llo"
        unordered: KEYS "a\\\\b"
        unordered: KEYS "h[\\[a]llo"
        unordered: KEYS h[a
        unordered: KEYS h[
        unordered: KEYS ""
        unordered: KEYS ?
        unordered: KEYS "\xff"
        unordered: KEYS "*\\"
        unordered: KEYS **?**llo
        unordered: KEYS HELLO
        unordered: KEYS h[]llo
        unordered: KEYS h[^]llo
        KEYS
        KEYS a b
    """,
    "scan": """
        SCAN 0
        MSET a 1 b 2 c 3
        SCAN x
        SCAN
        SCAN -1
        SCAN -0 COUNT 1000 MATCH b
        SCAN -9223372036854775808
        HSCAN missing -9223372036854775809
        HSCAN missing -18446744073709551616
        ignore: SCAN 18446744073709551615
        SCAN 18446744073709551616
        SCAN 0 COUNT
        SCAN 0 COUNT 0
        SCAN 0 COUNT x
        SCAN 0 COUNT -1
        SCAN 0 WHAT
        SCAN 0 MATCH
        SCAN 0 TYPE
        SCAN 0 TYPE nosuchtype
        SCAN 0 COUNT 100 TYPE hash
        SCAN 0 MATCH nothing COUNT 1000
        SCAN 0 MATCH a COUNT 1000
        SCAN 0 match a count 1000 type STRING
    """,
    "object and memory": """
        OBJECT
        ignore: OBJECT HELP
        OBJECT HELP x
        OBJECT ENCODING
        OBJECT WHAT k
        OBJECT ENCODING missing
        OBJECT REFCOUNT missing
        OBJECT FREQ missing
        OBJECT IDLETIME missing
        SET k v
        OBJECT REFCOUNT k
        OBJECT FREQ k
        approx: OBJECT IDLETIME k
        SET n 5
        OBJECT REFCOUNT n
        shape: MEMORY USAGE k
        shape: MEMORY USAGE k SAMPLES 0
        MEMORY USAGE missing
        MEMORY USAGE k SAMPLES
        MEMORY USAGE k SAMPLES x
        MEMORY USAGE k SAMPLES -1
        MEMORY USAGE k WHAT 1
        MEMORY WHAT
    """,
    "type, randomkey, wait": """
        TYPE missing
        RANDOMKEY
        SET only 1
        RANDOMKEY
        TYPE only
        TYPE
        RANDOMKEY x
        WAIT 0 0
        WAIT 0 10
        WAIT 1 1
        WAIT x 0
        WAIT 0 x
        WAIT 0 -1
        WAIT -1 0
        WAIT
    """,
    "sort": r"""
        RPUSH l 3 1 2 10
        SORT l
        SORT l DESC
        SORT l ASC DESC
        SORT l ALPHA
        SORT l LIMIT 1 2
        SORT l LIMIT -1 2
        SORT l LIMIT 1 -5
        SORT l LIMIT 0 0
        SORT l LIMIT 10 10
        SORT l LIMIT 9223372036854775807 9223372036854775807
        SORT l LIMIT 1
        SORT l LIMIT x 2
        SORT l LIMIT 0 x
        SORT l LIMIT 0 1 LIMIT 1 1
        RPUSH words b a c "" \xff
        SORT words
        SORT words ALPHA
        SORT words ALPHA DESC
        SORT words LIMIT 0 1
        SORT missing
        SORT missing STORE out
        SORT l STORE out
        LRANGE out 0 -1
        EXPIRE out 1000
        SORT words ALPHA STORE out
        TTL out
        SORT l STORE l
        LRANGE l 0 -1
        SORT missing STORE out
        EXISTS out
        SORT l WHAT
        SORT l BY
        SORT l GET
        SORT l STORE
        SORT_RO l STORE x
        SORT_RO l DESC
        SORT
        SET s v
        SORT s
        SORT s WHAT
        RPUSH numbers 1e5 +5 .5 5. -.5 infinity -INF
        SORT numbers
        RPUSH same 1 01 1.0 0
        SORT same
        SORT same DESC
        RPUSH bad1 0x10
        SORT bad1
        RPUSH bad2 " 1"
        SORT bad2
        RPUSH bad3 nan
        SORT bad3
        RPUSH bad4 1e400
        SORT bad4
    """,
    "sort by other keys": r"""
        RPUSH l 3 1 2 10
        MSET w_1 5 w_2 4 w_3 3 w_10 2
        SORT l BY w_*
        SORT l BY w_* GET # GET w_* GET nothing_*
        SORT l BY w_* GET # GET nothing_* STORE out
        LRANGE out 0 -1
        HSET h_1 f 3
        HSET h_2 f 1
        HSET h_3 f 2
        SORT l BY h_*->f GET h_*->f
        SORT l BY h_*->f GET #
        SORT l BY h_*-> GET h_*
        SORT l BY w_*->f
        SORT l GET nostar
        SORT l GET ""
        SORT l BY nosort
        SORT l BY nosort DESC
        SORT l BY nosort LIMIT 1 2
        SORT l BY w_* BY nosort
        SORT l BY nosort BY w_*
        SORT l BY a*b*c ALPHA
        SET w_1 x
        SORT l BY w_*
        SORT l BY w_* ALPHA
    """,
    "sort of sets": """
        SADD ints 3 1 2
        SORT ints
        SORT ints DESC GET #
        SORT ints BY nosort
        SADD words z x y
        SORT words ALPHA
        SORT words BY nosort STORE out
        LRANGE out 0 -1
        ZADD z 1 c 2 b 3 a
        SORT z
        SORT z ALPHA
        SORT z BY nosort
        SORT z BY nosort DESC
        SORT z BY nosort LIMIT 0 2
        SORT z BY nosort DESC LIMIT 1 5
        HSET h f v
        SORT h
    """,
    "other types keep their deadline": """
        RPUSH l a
        EXPIRE l 1000
        RPUSH l b
        approx: TTL l
        LPOP l 2
        EXISTS l
        SADD s a
        EXPIRE s 1000
        RENAME s t
        approx: TTL t
        COPY t u
        approx: TTL u
        SREM u a
        EXISTS u
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_key_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


SCANNED = items({1: unordered()})


@pytest.mark.parametrize("options", [(), ("MATCH", "k*1"), ("TYPE", "list"), ("MATCH", "k*", "TYPE", "string")])
def test_scan_returns_all_that_match(pair: Pair, options: tuple[str, ...]) -> None:
    """One call with a big COUNT returns the same keys; a walk in small steps, of either server, returns them too."""
    for number in range(100):
        pair.do("SET", f"k{number}", number)
    pair.do("RPUSH", "l", "a")
    whole = pair.do("SCAN", 0, "COUNT", 1000, *options, match=SCANNED)
    for client in pair.clients:
        found, cursor = set(), b"0"
        for _ in range(200):
            cursor, page = (part.value for part in client.do("SCAN", cursor, "COUNT", 7, *options).value)
            found |= set(page)
            if cursor == b"0":
                break
        assert found == set(whole.value[1].value)


def test_scan_meets_every_key_that_stays(resp2_pair: Pair) -> None:
    """A walk returns all keys that exist throughout, whatever is added and deleted meanwhile."""
    client = resp2_pair.subject
    for number in range(500):
        client.do("SET", f"stay:{number}", number)
    found, cursor, other = set(), b"0", 0
    for _ in range(2000):
        cursor, page = (part.value for part in client.do("SCAN", cursor).value)
        found |= {item.value for item in page}
        for _ in range(5):
            other += 1
            client.do("SET", f"other:{other}", "x")
            client.do("DEL", f"other:{other - 40}")
        if cursor == b"0":
            break
    assert cursor == b"0"
    assert {key for key in found if key.startswith(b"stay:")} == {b"stay:%d" % number for number in range(500)}


def test_expired_key_is_seen_by_no_command(pair: Pair) -> None:
    """A key whose millisecond has come is gone for every way of looking, even with active expiry switched off."""
    pair.do("SET", "k", "v", "PX", 1)
    pair.wait_until(lambda client: client.do("EXISTS", "k") == Reply(":", 0))
    pair.play("""
        GET k
        TYPE k
        TTL k
        KEYS *
        RANDOMKEY
        SCAN 0 COUNT 100
        RENAME k other
        COPY k other
        PERSIST k
        OBJECT ENCODING k
        SET k v XX
        SET k v NX
        TTL k
    """)


KEY_COMMANDS = (
    ("SET", s.any_key, s.value),
    ("INCR", s.key),
    ("APPEND", s.key, s.word),
    ("DEL", s.many(s.any_key)),
    ("UNLINK", s.many(s.any_key)),
    ("EXISTS", s.many(s.any_key)),
    ("TOUCH", s.many(s.any_key)),
    ("TYPE", s.any_key),
    ("EXPIRE", s.any_key, s.seconds, s.maybe(s.flag("NX", "XX"))),
    ("PEXPIRE", s.any_key, s.milliseconds, s.maybe(s.flag("NX", "XX"))),
    ("EXPIREAT", s.any_key, s.unix_seconds, s.options(s.flag("NX", "XX", "GT", "LT"), most=2)),
    ("PEXPIREAT", s.any_key, s.unix_milliseconds, s.options(s.flag("NX", "XX", "GT", "LT"), most=2)),
    s.command("EXPIRETIME", s.any_key, match=approx(2)),
    s.command("PEXPIRETIME", s.any_key, match=approx(2000)),
    s.command("TTL", s.any_key, match=approx(2)),
    s.command("PTTL", s.any_key, match=approx(2000)),
    ("PERSIST", s.any_key),
    ("RENAME", s.any_key, s.any_key),
    ("RENAMENX", s.any_key, s.any_key),
    ("COPY", s.any_key, s.any_key, s.options("REPLACE", ["DB", s.database], most=2)),
    ("MOVE", s.any_key, s.database),
    s.command("SWAPDB", "0", "1"),
    s.command("KEYS", s.pattern, match=unordered()),
    s.command(
        "SCAN", "0", "COUNT", "1000", s.options(["MATCH", s.pattern], ["TYPE", s.flag("string", "set")]), match=SCANNED
    ),
    ("OBJECT", "ENCODING", s.any_key),
    (
        "SORT",
        "t:list",
        "ALPHA",
        s.options("DESC", ["LIMIT", s.count, s.count], ["STORE", s.key], ["GET", s.flag("#", "k*")]),
    ),
    ("SORT_RO", s.any_key, "ALPHA", s.options("DESC", ["BY", s.flag("k*", "nosort")], most=2)),
    s.command("OBJECT IDLETIME", s.any_key, match=approx(2)),
    ("OBJECT", "FREQ", s.any_key),
    s.command("MEMORY USAGE", s.any_key, match=shape),
    s.command("DBSIZE", match=exact),
)


class KeyMachine(ParityMachine):
    """The generic commands on two databases."""

    beginning = (("SET", "k1", "10"), ("SET", "k2", "hello", "EX", 5000), ("COPY", "k2", "k2", "DB", 1))
    commands = KEY_COMMANDS
    databases = (0, 1)


def test_keys_in_step(pair: Pair) -> None:
    """Random scripts of generic commands leave both servers with the same replies and the same data."""
    run_machine(KeyMachine, pair)


def test_key_events(pair: Pair) -> None:
    """Each generic command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(KeyMachine, pair, events="KEAn")


def test_an_encoding_that_changes_alone(pair: Pair) -> None:
    """A command that changes the encoding and no element leaves the name that it has in the reference."""
    pair.do("ZADD", "z", 1, "a")
    pair.do("SORT", "z", "ALPHA")
    pair.do("OBJECT", "ENCODING", "z")
    pair.do("ZADD", "few", 1, "a")
    pair.do("ZADD", "few", "XX", 2, "m" * 70)
    pair.do("OBJECT", "ENCODING", "few")
    pair.do("SADD", "s", "a")
    pair.do("SADD", "s", *["a"] * 129)
    pair.do("OBJECT", "ENCODING", "s")
