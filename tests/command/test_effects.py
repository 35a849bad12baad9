"""What repeats a call, as a table: the requests are those that the reference sends to its replicas, but for its UNLINK.

Where they differ they do the same: conditions that were met are gone, entries of a stream that have the same history
are claimed at once, and of MSETEX and HSETEX those do what they can who do not know them.
"""

from __future__ import annotations

from typing import Any

import pytest

from geventcache.command.declaration import DECLARATIONS, Declaration
from geventcache.command.effects import Delivery
from geventcache.commands import load_commands
from geventcache.types.stream_groups import Consumer, Pending

NOW_MS = 1_700_000_000_000
LATER = "1700000100000"  # 100 seconds later

# Request, what the command returned or told, the requests that repeat it (with semicolons between them).
TABLE: tuple[tuple[str, Any, str], ...] = (
    ("SET k v", None, "SET k v"),
    ("set k v EX 100", None, f"SET k v PXAT {LATER}"),
    ("SET k v px 100000", None, f"SET k v PXAT {LATER}"),
    ("SET k v EXAT 4000000000", None, "SET k v PXAT 4000000000000"),
    ("SET k v PXAT 4000000000001 NX", None, "SET k v PXAT 4000000000001"),
    ("SET k v GET EX 100", None, f"SET k v PXAT {LATER}"),
    ("SET k v XX KEEPTTL", None, "SET k v KEEPTTL"),
    ("SET k v IFEQ EX", None, "SET k v"),
    ("SET k v IFEQ EX EX 100", None, f"SET k v PXAT {LATER}"),
    ("SET k v PXAT 1", None, "DEL k"),
    ("SETEX k 100 v", None, f"SET k v PXAT {LATER}"),
    ("PSETEX k 100000 v", None, f"SET k v PXAT {LATER}"),
    ("GETSET k v", b"old", "SET k v"),
    ("GETDEL k", b"v", "DEL k"),
    ("DELIFEQ k v", 1, "DEL k"),
    ("GETEX k EX 100", b"v", f"PEXPIREAT k {LATER}"),
    ("GETEX k PERSIST", b"v", "PERSIST k"),
    ("GETEX k EXAT 1", b"v", "DEL k"),
    ("INCRBYFLOAT k 0.5", b"1.5", "SET k 1.5 KEEPTTL"),
    ("MSETEX 2 a 1 b 2 EX 100", 1, f"SET a 1 PXAT {LATER}; SET b 2 PXAT {LATER}"),
    ("MSETEX 2 a 1 b 2 NX", 1, "MSET a 1 b 2"),
    ("MSETEX 2 EX 100 px 2 XX KEEPTTL", 1, "SET EX 100 KEEPTTL; SET px 2 KEEPTTL"),
    ("MSETEX 1 a 1 PXAT 1", 1, "DEL a"),
    ("EXPIRE k 100 NX", 1, f"PEXPIREAT k {LATER}"),
    ("EXPIRE k -1", 1, "DEL k"),
    ("PEXPIRE k 100000", 1, f"PEXPIREAT k {LATER}"),
    ("EXPIREAT k 4000000000", 1, "PEXPIREAT k 4000000000000"),
    ("PEXPIREAT k 1", 1, "DEL k"),
    ("DEBUG POPULATE 5", None, "DEBUG POPULATE 5"),
    ("BLPOP a b 0", [b"b", b"x"], "LPOP b"),
    ("BRPOP a b 0", [b"b", b"x"], "RPOP b"),
    ("LMPOP 2 a b left COUNT 9", [b"b", [b"x", b"y"]], "LPOP b 2"),
    ("LMPOP 1 RIGHT RIGHT", [b"RIGHT", [b"x"]], "RPOP RIGHT 1"),
    ("BLMPOP 1 2 LEFT b RIGHT", [b"b", [b"x"]], "RPOP b 1"),
    ("BLMOVE a b LEFT right 1", b"x", "LMOVE a b LEFT right"),
    ("BRPOPLPUSH a b 1", b"x", "RPOPLPUSH a b"),
    ("SPOP s", b"m", "SREM s m"),
    ("SPOP s 5", [b"m", b"n"], "SREM s m n"),
    ("BZPOPMIN a b 0", [b"b", b"m", 1.0], "ZPOPMIN b"),
    ("BZPOPMAX a b 0", [b"b", b"m", 1.0], "ZPOPMAX b"),
    ("ZMPOP 1 z MIN COUNT 2", [b"z", [[b"m", 1.0]]], "ZPOPMIN z 1"),
    ("BZMPOP 1 1 z max", [b"z", [[b"m", 1.0]]], "ZPOPMAX z 1"),
    ("HEXPIRE h 100 NX FIELDS 3 f g i", [1, 0, -2], f"HPEXPIREAT h {LATER} FIELDS 1 f"),
    ("HEXPIRE h 0 FIELDS 2 f g", [2, -2], "HDEL h f"),
    ("HPEXPIRE h 100000 FIELDS 1 FIELDS", [1], f"HPEXPIREAT h {LATER} FIELDS 1 FIELDS"),
    ("HEXPIREAT h 4000000000 FIELDS 1 f", [1], "HPEXPIREAT h 4000000000000 FIELDS 1 f"),
    ("HPEXPIREAT h 1 fields 1 f", [2], "HDEL h f"),
    ("HPERSIST h FIELDS 3 f g i", [1, -1, -2], "HPERSIST h FIELDS 1 f"),
    ("HGETDEL h FIELDS 2 f g", [b"v", None], "HDEL h f g"),
    ("HGETEX h EX 100 FIELDS 2 f g", [b"v", None], f"HPEXPIREAT h {LATER} FIELDS 1 f"),
    ("HGETEX h PERSIST FIELDS 2 f g", [b"v", None], "HPERSIST h FIELDS 1 f"),
    ("HGETEX h PXAT 1 FIELDS 1 f", [b"v"], "HDEL h f"),
    ("RESTORE k 0 new", (b"old", {int(LATER): [b"f"]}), f"RESTORE k 0 old; HPEXPIREAT k {LATER} FIELDS 1 f"),
    ("HSETEX h EX 100 FIELDS 2 f 1 g 2", 1, f"HSET h f 1 g 2; HPEXPIREAT h {LATER} FIELDS 2 f g"),
    ("HSETEX h EX 100 FIELDS 2 f 1 f 2", 1, f"HSET h f 1 f 2; HPEXPIREAT h {LATER} FIELDS 1 f"),
    ("HSETEX h FXX KEEPTTL FIELDS 1 f 1", 1, "HSET h f 1"),
    ("HSETEX h KEEPTTL FIELDS 2 f 1 g 1", {b"g": int(LATER)}, f"HSET h f 1 g 1; HPEXPIREAT h {LATER} FIELDS 1 g"),
    ("HSETEX h NX FNX FIELDS 1 f 1", 1, "HSET h f 1"),
    ("HSETEX h PXAT 1 FIELDS 2 f 1 g 2", 1, "HDEL h f g"),
    ("HINCRBYFLOAT h f 0.5", (b"1.5", None), "HSET h f 1.5"),
    ("HINCRBYFLOAT h f 0.5", (b"1.5", int(LATER)), f"HSET h f 1.5; HPEXPIREAT h {LATER} FIELDS 1 f"),
    ("FLUSHALL", None, "FLUSHALL ASYNC"),
    ("flushdb SYNC", None, "flushdb ASYNC"),
    ("XADD x * f v", b"5-0", "XADD x 5-0 f v"),
    ("XADD x NOMKSTREAM 5-* f v", (b"5-1", 3, None), "XADD x 5-1 f v"),
    ("XADD x MAXLEN ~ 2 LIMIT 9 * f v", (b"5-1", 7, 3), "XADD x MAXLEN = 3 5-1 f v"),
    ("XTRIM x MINID ~ 5", 3, "XTRIM x MAXLEN = 3"),
)


def words(text: str) -> list[bytes]:
    """A request."""
    return text.encode().split()


def declaration_of(name: bytes) -> Declaration:
    """The declaration of a command."""
    load_commands()
    return DECLARATIONS[name.decode().upper()]


@pytest.mark.parametrize(("request_text", "value", "expected"), TABLE)
def test_effect(request_text: str, value: Any, expected: str) -> None:
    """A call is repeated by these requests, at any time."""
    args = words(request_text)
    effect = declaration_of(args[0]).effect
    assert effect is not None
    assert effect(args, value, NOW_MS) == [words(one) for one in expected.split("; ")]
    assert args == words(request_text)


def pending(milliseconds: int, count: int) -> Pending:
    """A pending entry."""
    return Pending(milliseconds << 64, Consumer(b"c", NOW_MS), NOW_MS, count)


def test_delivery() -> None:
    """What was read from a group is claimed, in its order; then the group stands where it stood."""
    delivery = Delivery(b"x", b"g", b"c", True)
    for one in (pending(1, 1), pending(2, 1), pending(3, 4)):
        delivery.claim(one)
    delivery.gone = [5 << 64]
    delivery.place = (3 << 64, 7)
    effect = declaration_of(b"XREADGROUP").effect
    assert effect is not None
    assert effect([], [delivery], NOW_MS) == [
        words("XGROUP CREATECONSUMER x g c"),
        words(f"XCLAIM x g c 0 1-0 2-0 TIME {NOW_MS} RETRYCOUNT 1 FORCE JUSTID"),
        words(f"XCLAIM x g c 0 3-0 TIME {NOW_MS} RETRYCOUNT 4 FORCE JUSTID"),
        words("XACK x g 5-0"),
        words("XGROUP SETID x g 3-0 ENTRIESREAD 7"),
    ]
    delivery.place = (3 << 64, -1)
    assert delivery.requests()[-1] == words("XGROUP SETID x g 3-0")


def test_what_waits_or_tosses_has_an_effect() -> None:
    """A command that blocks and writes, or whose outcome is not its request's alone, declares how to repeat it."""
    load_commands()
    tossing = {"SPOP", "XADD", "XTRIM", "XCLAIM", "XAUTOCLAIM"}
    for declaration in DECLARATIONS.values():
        if {"write", "blocking"} <= declaration.flags or declaration.name in tossing:
            assert declaration.effect is not None, declaration.name
