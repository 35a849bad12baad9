"""The stream commands: scripts for what each promises, clients that wait, then random scripts over all of them."""

from __future__ import annotations

import pytest

from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import approx
from .pair import Pair

SCRIPTS = {
    "ids of entries": """
        XADD s 1-1 a b
        XADD s 1-1 a b
        XADD s 1-* a b
        XADD s 2 a b c d
        XADD s 2-* a b
        XADD s 0-0 a b
        XADD s 0-* a b
        XADD s foo a b
        XADD s 5-x a b
        XADD s -1 a b
        XADD s 5-1 a
        XADD s 5-1 a b c
        XADD s nomkstream
        XADD s NOMKSTREAM NOMKSTREAM NOMKSTREAM
        XADD none NOMKSTREAM 1-1 a b
        EXISTS none
        shape: XADD s * a b
        XADD s 18446744073709551615-18446744073709551615 a b
        XADD s * a b
        XADD s 1-* a b
        XADD z 0-* a b
        XADD y 18446744073709551615-* a b
        XADD y 18446744073709551615-* a b
        SET str v
        XADD str 1-1 a b
        XADD str 0-0 a b
    """,
    "trimming options": """
        XADD s MAXLEN 2 1-1 a b
        XADD s MAXLEN = 2 2-1 a b
        XADD s MAXLEN ~ 2 3-1 a b
        XADD s MAXLEN 2 4-1 a b
        XADD s MINID 4 5-1 a b
        XADD s MINID ~ 5 6-1 a b
        XADD s MAXLEN 0 7-1 a b
        XLEN s
        TYPE s
        XADD s MAXLEN 1 MINID 1 8-1 a b
        XADD s MAXLEN x 8-1 a b
        XADD s MAXLEN -1 8-1 a b
        XADD s MINID x 8-1 a b
        XADD s LIMIT 1 8-1 a b
        XADD s LIMIT 0 8-1 a b
        XADD s LIMIT -1 8-1 a b
        XADD s MAXLEN 1 LIMIT 1 8-1 a b
        XADD s MAXLEN ~ 1 LIMIT 1 8-1 a b
        XADD s MAXLEN ~ 1 LIMIT 0 8-2 a b
        XADD s MAXLEN = 1 LIMIT
        XADD s MAXLEN = 1 9-3
        XTRIM s MAXLEN
        XTRIM s MAXLEN 1 FOO
        XTRIM s FOO 1
        XTRIM s MAXLEN 1 MAXLEN 1
        XTRIM s LIMIT 1
        XTRIM s LIMIT 0
        XTRIM s NOMKSTREAM MAXLEN 1
        XTRIM s MAXLEN ~ 5 LIMIT
        XTRIM s MAXLEN ~
        XTRIM none MAXLEN 1
        XTRIM none MAXLEN x
        XTRIM s MAXLEN 1
        XRANGE s - +
    """,
    "ranges": """
        XADD s 1-1 a b
        XADD s 1-2 a b c d
        XADD s 3 e f
        XRANGE s - +
        XRANGE s 1 1
        XRANGE s 1-2 +
        XRANGE s (1-1 (3
        XRANGE s (18446744073709551615-18446744073709551615 +
        XRANGE s - (0-0
        XRANGE s (- +
        XRANGE s x y
        XRANGE s - + COUNT 1
        XRANGE s - + COUNT 0
        XRANGE s - + COUNT -5
        XRANGE s - + COUNT
        XRANGE s - + COUNT x
        XRANGE s - + FOO 1
        XRANGE s - + COUNT 1 COUNT 2
        XRANGE none - + COUNT 0
        XREVRANGE s + -
        XREVRANGE s 1 1 COUNT 1
        XREVRANGE s (3 (1-1
        XREVRANGE s (0-0 -
        XREVRANGE s + (18446744073709551615-18446744073709551615
        XREVRANGE s x y
        XDEL s 1-2 9 1-2
        XDEL s x
        XDEL none x
        XDEL s - +
        XRANGE s - +
        XDEL s 1-1 3
        EXISTS s
        XLEN s
        XINFO STREAM s
    """,
    "last ids": """
        XSETID none 5
        XSETID none x
        XADD s 5-5 a b
        XADD s 6-6 a b
        XDEL s 6-6
        XSETID s 1
        XSETID s 6-5
        XSETID s 9 ENTRIESADDED -1 MAXDELETEDID 1
        XSETID s 9 ENTRIESADDED 0 MAXDELETEDID 1
        XSETID s 9 ENTRIESADDED 100 MAXDELETEDID 9
        XSETID s 5 ENTRIESADDED 100 MAXDELETEDID 6
        XSETID s 9 MAXDELETEDID 1 ENTRIESADDED x
        XSETID s 9 FOO x
        XSETID s 9 FOO
        XSETID s 12
        XINFO STREAM s
        XADD s 11-1 a b
    """,
    "reading": """
        XADD s 1-1 a b
        XADD s 2-1 c d
        XADD t 1-1 e f
        XREAD STREAMS s 0
        XREAD STREAMS s t 1 0
        XREAD STREAMS s s 0 1-1
        XREAD COUNT 1 STREAMS s none 0 0
        XREAD COUNT 0 STREAMS s 0
        XREAD COUNT -1 STREAMS s 0
        XREAD COUNT x STREAMS s 0
        XREAD STREAMS s $
        XREAD STREAMS s +
        XREAD COUNT 5 STREAMS s +
        XREAD STREAMS none +
        XREAD STREAMS s 18446744073709551615-18446744073709551615
        XREAD STREAMS s -
        XREAD STREAMS s >
        XREAD STREAMS s x
        XREAD STREAMS s
        XREAD STREAMS a b c
        XREAD GROUP g c STREAMS s 0
        XREAD NOACK STREAMS s 0
        XREAD FOO STREAMS s 0
        XREAD COUNT 1 COUNT 2
        XREAD BLOCK x STREAMS s 0
        XREAD BLOCK -1 STREAMS s 0
        XREAD BLOCK 1.5 STREAMS s 0
        XREAD BLOCK 9223372036854775807 STREAMS s 0
        XREAD BLOCK 1 STREAMS s $
        XDEL s 2-1
        XREAD STREAMS s +
        SET str 1
        XREAD STREAMS str x
        XREAD STREAMS s str x 0
    """,
    "making groups": """
        XGROUP CREATE none g 0
        XGROUP CREATE none g x
        XGROUP CREATE none g x MKSTREAM
        XGROUP CREATE none g 0 ENTRIESREAD -2
        XGROUP CREATE none g 0 FOO
        XGROUP CREATE s g 0 MKSTREAM
        XGROUP CREATE s g 0 MKSTREAM
        XGROUP CREATE s h 0 FOO
        XGROUP CREATE s h 0 ENTRIESREAD
        XGROUP CREATE s h 0 ENTRIESREAD x
        XGROUP CREATE s h 0 ENTRIESREAD -1
        XGROUP CREATE s i -
        XGROUP CREATE s i $ ENTRIESREAD 1 MKSTREAM
        XGROUP SETID s g 0 MKSTREAM
        XGROUP SETID s none 0
        XGROUP SETID none g 0
        XGROUP SETID s none x
        XGROUP SETID s g -
        XGROUP SETID s g (1
        XGROUP CREATE s ends -
        XGROUP CREATE s ends +
        XGROUP SETID s g +
        approx_ms: XINFO GROUPS s
        XGROUP SETID s g $ ENTRIESREAD 5
        XGROUP CREATECONSUMER s none c
        XGROUP CREATECONSUMER none g c
        XGROUP CREATECONSUMER s g c
        XGROUP CREATECONSUMER s g c
        XINFO GROUPS s
        XINFO CONSUMERS s none
        XINFO CONSUMERS none g
        XINFO GROUPS none
        approx_ms: XINFO CONSUMERS s g
        XGROUP DELCONSUMER s none c
        XGROUP DELCONSUMER s g c
        XGROUP DELCONSUMER s g c
        XGROUP DESTROY s none
        XGROUP DESTROY none g
        XGROUP DESTROY s g
        SET str v
        XGROUP CREATE str g 0
        XGROUP SETID str g 0
        XINFO STREAM str
        XINFO STREAM none FULL FOO 1
        XINFO STREAM s FOO
        XINFO STREAM s FULL COUNT 1 2
        XINFO STREAM s FULL COUNT 1 2 3
        XINFO STREAM s FULL COUNT
        XINFO STREAM s FULL COUNT x
        XINFO STREAM s FULL COUNT -1
        XINFO STREAM s FULL
        XGROUP FOO
        XGROUP CREATE s
    """,
    "reading as a member": """
        XADD s 1-1 a b
        XADD s 2-1 c d
        XADD s 3-1 e f
        XGROUP CREATE s g 0
        XREADGROUP GROUP g c COUNT 1 STREAMS s >
        XREADGROUP GROUP g d STREAMS s >
        XREADGROUP GROUP g c STREAMS s >
        XREADGROUP GROUP g c STREAMS s 0
        XREADGROUP GROUP g c STREAMS s 1-1
        XREADGROUP GROUP g d COUNT 1 STREAMS s 0
        XREADGROUP GROUP g nobody STREAMS s 0
        XDEL s 2-1
        XREADGROUP GROUP g d STREAMS s 0
        XADD s 4-1 g h
        XREADGROUP GROUP g e NOACK STREAMS s >
        XREADGROUP GROUP g e STREAMS s 0
        XPENDING s g
        approx_ms: XPENDING s g - + 10
        approx_ms: XPENDING s g - + 10 c
        XPENDING s g - + 10 nobody
        XPENDING s g IDLE 100000000 - + 10
        XPENDING s g - + 0
        XPENDING s g - +
        approx_ms: XPENDING s g - + 1 c d
        XPENDING s g IDLE 0 - +
        XPENDING s g x + 1
        XPENDING s g x y z
        XPENDING none g
        XPENDING s none
        XACK s g 1-1 1-1 9-9
        XACK s g x
        XACK s none x
        XACK none g x
        XINFO GROUPS s
        approx_ms: XINFO CONSUMERS s g
        approx_ms: XINFO STREAM s FULL
        approx_ms: XINFO STREAM s FULL COUNT 1
        approx_ms: XINFO STREAM s FULL COUNT 0
        XREADGROUP GROUP g c STREAMS s $
        XREADGROUP GROUP g c STREAMS s +
        XREADGROUP GROUP none c STREAMS s $
        XREADGROUP GROUP g c STREAMS none >
        XREADGROUP GROUP g c STREAMS s x
        XREADGROUP COUNT 1 STREAMS s s 0 0
        XREADGROUP GROUP g c STREAMS s s 0
        XREADGROUP GROUP g c BLOCK 1 STREAMS s >
        XREADGROUP GROUP g c BLOCK 1 STREAMS s 18446744073709551615-18446744073709551615
        XREADGROUP NOACK NOACK GROUP g c GROUP g d COUNT 5 COUNT 6 STREAMS s 0
    """,
    "claiming": """
        XADD s 1-1 a b
        XADD s 2-1 c d
        XADD s 3-1 e f
        XGROUP CREATE s g 0
        XREADGROUP GROUP g c COUNT 2 STREAMS s >
        XCLAIM none g c x 1
        XCLAIM s none c x 1
        XCLAIM s g c x 1-1
        XCLAIM s g c 0 foo
        XCLAIM s g c 0 1-1 IDLE
        XCLAIM s g c 0 1-1 IDLE x
        XCLAIM s g c 0 1-1 TIME x
        XCLAIM s g c 0 1-1 RETRYCOUNT x
        XCLAIM s g c 0 1-1 LASTID x
        XCLAIM s g c 0 1-1 JUSTID FORCE 2-1
        XCLAIM s g d 100000000 1-1
        XCLAIM s g d 0 1-1 3-1
        XCLAIM s g d 0 1-1 JUSTID
        XCLAIM s g d 0 3-1 9-9 FORCE
        XCLAIM s g d 0 1-1 RETRYCOUNT 7
        XCLAIM s g d 0 1-1 RETRYCOUNT -5
        XCLAIM s g d 0 1-1 IDLE 5000000
        approx_ms: XPENDING s g - + 10
        XCLAIM s g d 0 1-1 IDLE -5
        XCLAIM s g d 0 1-1 TIME 99999999999999
        XCLAIM s g d -5 1-1 LASTID 9-9
        approx_ms: XPENDING s g - + 10
        XINFO GROUPS s
        XDEL s 1-1
        XCLAIM s g c 0 1-1
        XPENDING s g
        XAUTOCLAIM none g c x 0
        XAUTOCLAIM none g c 0 0
        XAUTOCLAIM s none c 0 0
        XAUTOCLAIM s g c 0 x
        XAUTOCLAIM s g c 0 (18446744073709551615-18446744073709551615
        XAUTOCLAIM s g c 0 0 COUNT
        XAUTOCLAIM s g c 0 0 COUNT 0
        XAUTOCLAIM s g c 0 0 COUNT x
        XAUTOCLAIM s g c 0 0 COUNT 576460752303423488
        XAUTOCLAIM s g c 0 0 FOO
        XAUTOCLAIM s g c 0 0 COUNT 1
        XAUTOCLAIM s g e 0 2-2 JUSTID
        XDEL s 2-1
        XAUTOCLAIM s g e 0 -
        XAUTOCLAIM s g e 100000000 -
        approx_ms: XINFO CONSUMERS s g
    """,
    "a watched key hears of entries alone": """
        XADD s 1-1 a b
        WATCH s
        XGROUP CREATE s g 0
        XGROUP CREATECONSUMER s g c
        XREADGROUP GROUP g d STREAMS s >
        XACK s g 1-1
        XGROUP SETID s g 0
        XGROUP DESTROY s g
        XSETID s 5-1
        XTRIM s MAXLEN 5
        XDEL s 9-9
        MULTI
        PING
        EXEC
        WATCH s
        XDEL s 1-1
        MULTI
        PING
        EXEC
        WATCH new
        XGROUP CREATE new g 0 MKSTREAM
        MULTI
        PING
        EXEC
    """,
    "nobody waits in a transaction": """
        XADD s 1-1 a b
        XGROUP CREATE s g $
        MULTI
        XREAD BLOCK 0 STREAMS s $
        XREADGROUP GROUP g c BLOCK 0 STREAMS s >
        EXEC
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_stream_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


def test_blocked_reader_gets_the_next_entry(pair: Pair) -> None:
    """``$`` means the time at which XREAD was called, also after the stream was emptied or trimmed meanwhile."""
    reader = pair.client("reader")
    pair.do("XADD", "s", "1-1", "a", "b")
    reader.send("XREAD", "COUNT", 1, "BLOCK", 0, "STREAMS", "t", "s", "$", "$")
    pair.wait_blocked(1)
    pair.do("XADD", "s", "MAXLEN", 0, "2-1", "a", "b")
    pair.do("XADD", "s", "3-1", "c", "d")
    reader.answer()


def test_blocked_reader_waits_for_a_stream(pair: Pair) -> None:
    """A key of another type does not wake XREAD; a stream that comes does."""
    reader = pair.client("reader")
    reader.send("XREAD", "BLOCK", 0, "STREAMS", "s", "$")
    pair.wait_blocked(1)
    pair.do("SET", "s", "v")
    pair.do("DEL", "s")
    assert reader.is_silent()
    pair.do("XADD", "s", "1-1", "a", "b")
    reader.answer()


def test_all_blocked_readers_get_an_entry(pair: Pair) -> None:
    """Reading takes nothing away, so one entry serves all who wait for it."""
    readers = [pair.client(name) for name in ("one", "two")]
    for reader in readers:
        reader.send("XREAD", "BLOCK", 0, "STREAMS", "s", 0)
    pair.wait_blocked(2)
    pair.do("XADD", "s", "1-1", "a", "b")
    for reader in readers:
        reader.answer()


def test_blocked_members_share_entries(pair: Pair) -> None:
    """Each new entry goes to the one consumer of the group that has waited longest."""
    members = [pair.client(name) for name in ("one", "two")]
    pair.do("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    for count, member in enumerate(members, 1):
        member.send("XREADGROUP", "GROUP", "g", member.name, "BLOCK", 0, "STREAMS", "s", ">")
        pair.wait_blocked(count)
    for entry, member in zip(("1-1", "2-1"), members, strict=True):
        pair.do("XADD", "s", entry, "a", "b")
        member.answer()
    pair.do("XPENDING", "s", "g")


LOSSES = {
    "destroyed": ("XGROUP", "DESTROY", "s", "g"),
    "deleted": ("DEL", "s"),
    "replaced": ("SET", "s", "v"),
    "renamed": ("RENAME", "s", "t"),
    "flushed": ("FLUSHALL",),
}


@pytest.mark.parametrize("how", LOSSES)
def test_blocked_member_loses_its_group(pair: Pair, how: str) -> None:
    """A consumer that waits gets an error when its group goes, in whichever way."""
    if not pair.has(LOSSES[how][0]):
        pytest.skip(f"the subject has no {LOSSES[how][0]}")
    member = pair.client("member")
    pair.do("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    member.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">")
    pair.wait_blocked(1)
    pair.do(*LOSSES[how])
    member.answer()


def test_approximate_trimming_drops_whole_nodes(pair: Pair) -> None:
    """Where a node ends shows in what ``~`` leaves, for short and for long entries and with other limits."""
    for size in (1, 50, 700):
        key = f"s{size}"
        for i in range(1, 301):
            pair.do("XADD", key, "MAXLEN", "~", 150, f"{i}-{i % 7}", "field", "x" * size, f"f{i % 3}", i)
        pair.do("XLEN", key)
        pair.do("XTRIM", key, "MINID", "~", 280, "LIMIT", 40)
        pair.do("XINFO", "STREAM", key)
    with pair.configured(stream_node_max_entries=10, stream_node_max_bytes=200):
        for i in range(1, 101):
            pair.do("XADD", "small", "MAXLEN", "~", 20, f"{i}-0", "field", "value" * (i % 9))
        pair.do("XINFO", "STREAM", "small")


entry_id = s.flag(*[f"{ms}-{seq}" for ms in range(1, 12) for seq in (0, 1)], "3", "7", "9-*", "20-*", "0-1", "x")
bound = s.one_of(entry_id, s.flag("-", "+", "(3-0", "(0-0", "(9", "18446744073709551615-18446744073709551615"))
group = s.flag("g", "g", "h")
consumer = s.flag("alice", "bob", "carol")
idle = s.flag("0", "0", "-1", "1000000000", "x")
trim = s.one_of(
    ["MAXLEN", s.flag("0", "2", "5", "x")],
    ["MAXLEN", s.flag("=", "~"), s.flag("0", "3", "-1")],
    ["MINID", entry_id],
    ["MINID", s.flag("=", "~"), entry_id],
    ["MAXLEN", "~", s.flag("0", "3"), "LIMIT", s.flag("0", "2", "100")],
)


class StreamMachine(ParityMachine):
    """All stream commands, with IDs of their own so that both servers have the same ones."""

    beginning = (
        ("XADD", "k1", "1-0", "f", "v"),
        ("XADD", "k1", "2-0", "f", "w", "g", "x"),
        ("XGROUP", "CREATE", "k1", "g", "0"),
        ("XREADGROUP", "GROUP", "g", "alice", "COUNT", "1", "STREAMS", "k1", ">"),
    )
    commands = (
        ("XADD", s.any_key, s.maybe("NOMKSTREAM"), s.one_of((), (), trim), entry_id, s.many(s.word, s.value, most=2)),
        ("XADD", s.key, entry_id, "f", "v"),
        ("XADD", "k1", entry_id, "f", "v"),
        ("XLEN", s.any_key),
        ("XTRIM", s.any_key, trim),
        ("XDEL", s.any_key, s.many(entry_id)),
        ("XRANGE", s.any_key, bound, bound, s.maybe("COUNT", s.count)),
        ("XREVRANGE", s.any_key, bound, bound, s.maybe("COUNT", s.count)),
        ("XSETID", s.any_key, entry_id, s.maybe("ENTRIESADDED", s.count), s.maybe("MAXDELETEDID", entry_id)),
        ("XREAD", s.maybe("COUNT", s.count), "STREAMS", s.any_key, s.one_of(entry_id, s.flag("0", "$", "+", ">"))),
        ("XREAD", "STREAMS", s.any_key, s.key, entry_id, entry_id),
        ("XGROUP", "CREATE", s.any_key, group, s.one_of(entry_id, s.flag("0", "$")), s.maybe("MKSTREAM")),
        ("XGROUP", "CREATE", s.key, group, "0", "MKSTREAM", s.maybe("ENTRIESREAD", s.count)),
        ("XGROUP", "SETID", s.any_key, group, s.one_of(entry_id, s.flag("0", "$")), s.maybe("ENTRIESREAD", s.count)),
        ("XGROUP", "DESTROY", s.key, group),
        ("XGROUP", "CREATECONSUMER", s.any_key, group, consumer),
        ("XGROUP", "DELCONSUMER", s.any_key, group, consumer),
        (
            "XREADGROUP",
            "GROUP",
            group,
            consumer,
            s.maybe("COUNT", s.count),
            s.maybe("NOACK"),
            "STREAMS",
            s.any_key,
            s.one_of(">", ">", "0", entry_id),
        ),
        ("XREADGROUP", "GROUP", "g", consumer, "STREAMS", "k1", ">"),
        ("XACK", s.any_key, group, s.many(entry_id)),
        ("XCLAIM", s.any_key, group, consumer, idle, s.many(entry_id), s.options("JUSTID", "FORCE", most=2)),
        (
            "XCLAIM",
            "k1",
            "g",
            consumer,
            "0",
            s.many(entry_id),
            s.options(["RETRYCOUNT", s.count], ["LASTID", entry_id], "FORCE", ["IDLE", "5"], ["TIME", "9"], most=2),
        ),
        (
            "XAUTOCLAIM",
            s.any_key,
            group,
            consumer,
            idle,
            bound,
            s.options(["COUNT", s.count], "JUSTID", most=2),
        ),
        ("XPENDING", s.any_key, group),
        s.command("XPENDING", "k1", "g", bound, bound, s.count, s.maybe(consumer), match=approx(5000)),
        s.command("XPENDING", "k1", "g", "IDLE", idle, "-", "+", "5", match=approx(5000)),
        ("XINFO", "STREAM", s.any_key),
        s.command("XINFO", "STREAM", s.any_key, "FULL", s.maybe("COUNT", s.count), match=approx(5000)),
        ("XINFO", "GROUPS", s.any_key),
        s.command("XINFO", "CONSUMERS", s.any_key, group, match=approx(5000)),
        ("DEL", s.key),
    )


def test_streams_in_step(pair: Pair) -> None:
    """Random scripts of stream commands leave both servers with the same replies and the same data."""
    run_machine(StreamMachine, pair)


def test_stream_events(pair: Pair) -> None:
    """Each stream command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(StreamMachine, pair, events="KEAn")
