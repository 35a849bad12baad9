"""Transactions: what is queued, what aborts, what a watched key is sensitive to."""

from __future__ import annotations

import random

import pytest

from ..support.wire import Reply
from .pair import Pair

SCRIPTS = {
    "simple": """
        MULTI
        SET k 1
        INCR k
        GET k
        PING
        EXEC
        MULTI
        EXEC
        GET k
    """,
    "out of place": """
        EXEC
        DISCARD
        UNWATCH
        EXEC surplus
        DISCARD surplus
        MULTI surplus
        UNWATCH surplus
        WATCH
        MULTI
        MULTI
        EXEC
        MULTI
        WATCH k
        EXEC
        MULTI
        DISCARD
        DISCARD
    """,
    "wrong requests abort": """
        MULTI
        SET k
        EXEC
        MULTI
        nosuch a b
        SET k v
        EXEC
        MULTI
        CONFIG NOSUCH
        EXEC
        MULTI
        CLIENT NOSUCH a b
        EXEC
        MULTI
        CLIENT REPLY OFF
        EXEC
        MULTI
        EXEC surplus
        EXEC
        MULTI
        DISCARD surplus
        EXEC
        GET k
        EXEC
    """,
    "failing requests do not": """
        SET k text
        MULTI
        INCR k
        SET k 2
        INCR k
        SET k v WHAT
        EXEC
        GET k
    """,
    "discarded": """
        MULTI
        SET k 1
        DISCARD
        GET k
        MULTI
        nosuch
        DISCARD
        MULTI
        PING
        EXEC
    """,
    "reset": """
        WATCH k
        MULTI
        SET k 1
        RESET
        EXEC
        GET k
    """,
    "databases": """
        MULTI
        SELECT 1
        SET k one
        SELECT 0
        GET k
        EXEC
        SELECT 1
        GET k
    """,
    "blocking": """
        MULTI
        BLPOP q 0
        RPUSH q a
        BLPOP q 0
        BLMOVE q r LEFT RIGHT 0
        EXEC
    """,
    "a value is told as it was": """
        RPUSH l a
        SETRANGE s 3 x
        MULTI
        LRANGE l 0 -1
        RPUSH l b
        LRANGE l 0 -1
        GET s
        APPEND s y
        GET s
        SETRANGE s 0 z
        EXEC
    """,
    "unwatch": """
        WATCH k
        SET k 1
        UNWATCH
        MULTI
        PING
        EXEC
        WATCH k
        SET k 2
        MULTI
        PING
        DISCARD
        MULTI
        PING
        EXEC
        WATCH k
        MULTI
        UNWATCH
        EXEC
    """,
    "own changes count": """
        WATCH k
        SET k 1
        MULTI
        PING
        EXEC
        MULTI
        PING
        EXEC
        WATCH k k j
        MULTI
        SET k 2
        EXEC
    """,
    "wrong and dirty": """
        WATCH k
        SET k 1
        MULTI
        nosuch
        EXEC
        MULTI
        PING
        EXEC
    """,
    "watched in another database": """
        WATCH k
        [other] SELECT 1
        [other] SET k v
        MULTI
        PING
        EXEC
        SELECT 1
        WATCH k
        SELECT 0
        [other] SET k w
        MULTI
        PING
        EXEC
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_transaction_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


def test_protocol_changes_within(resp2_pair: Pair) -> None:
    """Each value of a transaction has the protocol of its own place in it."""
    for line in ("MULTI", "HELLO 3", "CONFIG GET databases", "HELLO 2", "CONFIG GET databases", "HELLO 3"):
        resp2_pair.do(*line.split())
    for client in resp2_pair.clients:
        client.send("EXEC")
        assert [value.kind for value in client.receive().value] == ["%", "%", "*", "*", "%"]
    resp2_pair.do("CONFIG", "GET", "databases")


WATCHED = {
    "string": ("SET", "k", "10"),
    "list": ("RPUSH", "k", "a", "b", "c"),
    "hash": ("HSET", "k", "f", "1", "g", "2"),
    "set": ("SADD", "k", "a", "b"),
    "zset": ("ZADD", "k", "1", "a", "2", "b"),
    "stream": ("XADD", "k", "1-1", "f", "v"),
    "missing": ("PING",),
}
CHANGES = {
    "string": """
        GET k | SET k v | SET k v NX | SET k v XX | SET k v GET | SET k 10 | SETNX k v | APPEND k x | INCR k
        DECRBY k 2 | INCRBYFLOAT k 1 | SETRANGE k 0 x | SETRANGE k 5 "" | GETDEL k | GETEX k | GETEX k EX 1000
        GETEX k PERSIST | GETSET k v | MSET k v j w | MSETNX k v j w | MSETNX j v i w | STRLEN k | SETEX k 100 v
        SETBIT k 0 1 | BITCOUNT k | BITOP NOT k j | BITFIELD k GET u8 0 | PFADD k a | LPUSH k a | HSET k f v
        INCRBY k 9223372036854775807 | GETRANGE k 0 1
    """,
    "any": """
        DEL k | DEL j | UNLINK k | EXPIRE k 100 | EXPIRE k -1 | EXPIRE k 100 XX | PERSIST k | RENAME k j
        RENAMENX k j | RENAME j k | COPY k j | COPY j k | TOUCH k | EXISTS k | TYPE k | OBJECT ENCODING k
        MOVE k 1 | FLUSHALL | FLUSHDB | SWAPDB 0 1 | SWAPDB 1 2 | TTL k | SORT k STORE k | SORT j STORE k
        RESTORE k 0 x | SINTERSTORE k nosuch | ZUNIONSTORE k 1 nosuch | KEYS * | SCAN 0
    """,
    "list": """
        LPUSH k x | LPUSHX k x | RPOP k | LPOP k 0 | LINDEX k 0 | LREM k 0 nosuch | LREM k 0 a | LTRIM k 0 0
        LTRIM k 0 -1 | LTRIM k 9 10 | LINSERT k BEFORE nosuch x | LINSERT k AFTER a x
        LMOVE k j LEFT RIGHT | LMOVE j k LEFT RIGHT | RPOPLPUSH k k | LSET k 9 x | LSET k 0 x
        BLPOP k 1 | LPOS k a | LMPOP 1 k LEFT
    """,
    "hash": """
        HSET k f 2 | HSETNX k f 2 | HSETNX k z 2 | HDEL k nosuch | HDEL k f g | HINCRBY k f 1 | HINCRBYFLOAT k f 1
        HGET k f | HGETALL k | HEXPIRE k 100 FIELDS 1 f | HPERSIST k FIELDS 1 f | HRANDFIELD k 1
        HSETEX k EXAT 1 FIELDS 1 f 1 | HSETEX k EXAT 1 FIELDS 1 z 1 | HSETEX k EXAT 1 FIELDS 2 z 1 f 1
    """,
    "set": """
        SADD k a | SADD k z | SREM k z | SREM k a b | SPOP k 5 | SRANDMEMBER k | SMOVE k j a | SMOVE k j nosuch
        SMOVE j k x | SUNIONSTORE k k | SISMEMBER k a
    """,
    "zset": """
        ZADD k 1 a | ZADD k 5 a | ZADD k NX 5 a | ZADD k XX 5 z | ZINCRBY k 1 a | ZREM k nosuch | ZREM k a b
        ZPOPMIN k 5 | ZSCORE k a | ZREMRANGEBYSCORE k 9 10 | ZREMRANGEBYRANK k 0 0 | ZRANGESTORE k k 0 -1
    """,
    "stream": """
        XADD k 2-1 f v | XADD k NOMKSTREAM 2-1 f v | XADD k 0-1 f v | XDEL k 9-9 | XDEL k 1-1 | XTRIM k MAXLEN 5
        XTRIM k MAXLEN 0 | XLEN k | XGROUP CREATE k g 0 | XREAD STREAMS k 0 | XSETID k 5-1
    """,
}
LINES = [
    (kind, line.strip())
    for family, table in CHANGES.items()
    for kind in (WATCHED if family == "any" else (family, "missing"))
    for line in table.replace("\n", "|").split("|")
    if line.strip()
]


def test_watched_keys_are_as_sensitive(pair: Pair) -> None:
    """A transaction goes through or not after each command that might have changed the key that it watches."""
    other = pair.client("other")
    skipped = {name for name in {line.split()[0] for _, line in LINES} if not pair.has(name)}
    for kind, line in LINES:
        if line.split()[0] in skipped or not pair.has(WATCHED[kind][0]):
            continue
        pair.control.do("FLUSHALL")
        pair.do(*WATCHED[kind])
        pair.do("WATCH", "k")
        for client in other.clients:
            client.do(*(part.strip('"') for part in line.split()))
        pair.history.append(f"[other] {line}")
        pair.do("MULTI")
        pair.do("EXEC")


def test_key_that_expires_while_watched(pair: Pair) -> None:
    """A key whose time comes between WATCH and EXEC aborts; one whose time had come before does not."""
    for client in pair.clients:
        client.do("SET", "k", "v", "PX", "1")
    pair.wait_until(lambda client: client.do("GET", "k").value is None)
    pair.play("WATCH k\nMULTI\nPING\nEXEC")
    for client in pair.clients:
        client.do("SET", "k", "v", "PX", "20")
    pair.do("WATCH", "k")
    pair.wait_until(lambda client: client.do("GET", "k").value is None)
    pair.play("MULTI\nPING\nEXEC")


def test_refused_without_password(resp2_pair: Pair) -> None:
    """EXEC tells of its refusal in its own words."""
    with resp2_pair.configured(requirepass="secret"):
        resp2_pair.client("stranger").do("EXEC")
        resp2_pair.client("stranger").do("MULTI")


def test_queued_writes_are_held_back(pair: Pair) -> None:
    """A pause of writes holds a writing request back when it is queued, and an EXEC of one that was queued before."""
    early, late, reader = (pair.client(name) for name in ("early", "late", "reader"))
    early.do("MULTI")
    early.do("SET", "k", "v")
    pair.do("CLIENT", "PAUSE", 100_000, "WRITE")
    try:
        early.send("EXEC")
        late.do("MULTI")
        late.send("SET", "k", "w")
        reader.do("MULTI")
        reader.do("GET", "k")
        reader.do("EXEC")
        assert early.is_silent()
        assert late.is_silent()
    finally:
        pair.do("CLIENT", "UNPAUSE")
    early.receive()
    late.receive()


def test_silent_transaction(pair: Pair) -> None:
    """With replies off neither QUEUED nor the result is sent."""
    for line in (
        "CLIENT REPLY OFF",
        "MULTI",
        "SET k v",
        "nosuch",
        "EXEC",
        "MULTI",
        "SET k v",
        "EXEC",
        "CLIENT REPLY ON",
    ):
        pair.send(*line.split())
    assert pair.receive() == Reply("+", b"OK")
    pair.do("GET", "k")
    for line in ("CLIENT REPLY SKIP", "nosuch", "MULTI", "CLIENT REPLY SKIP", "EXEC"):
        pair.send(*line.split())
    for _ in range(3):
        pair.receive()


RANDOM_LINES = """
    MULTI | MULTI | EXEC | EXEC | EXEC | DISCARD | WATCH a | WATCH a b | UNWATCH | SET a 1 | SET b 1 | INCR a
    GET a | GET | nosuch | APPEND b x | INCR b | SELECT 1 | SELECT 0 | MSET a 5 b 6 | RESET
"""


@pytest.mark.parametrize("seed", range(8))
def test_transactions_in_step(resp2_pair: Pair, seed: int) -> None:
    """Random requests of two clients have the same replies."""
    draw = random.Random(seed)
    lines = [line.strip() for line in RANDOM_LINES.strip().replace("\n", "|").split("|")]
    for _ in range(120):
        resp2_pair.client(draw.choice("xy")).do(*draw.choice(lines).split())
