"""Every command runs through a `Cache`, or is refused by name; none of them is a defect, and none makes it useless."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from geventcache import Cache, ResponseError
from geventcache.command.declaration import DECLARATIONS
from geventcache.commands import load_commands

WORDS = (
    *b"k h l s z x hll geo nokey f m v * - + $ > 0-1 0 1 2 -1 100 1.5 0.001 inf (1 [a g c default bob km ~".split(),
    *b"ON OFF YES NO GET SET COUNT MATCH BLOCK STREAMS EX NX XX WITHSCORES LIMIT BY LEFT RIGHT FIELDS KEYS AND".split(),
    *b"AGGREGATE WEIGHTS STORE GROUP FROMMEMBER BYRADIUS ASC MAXLEN MINID ID TYPE normal ALL RESET SKIP bit u8".split(),
    *(b"AUTH", b"", b"return 1", b"return redis.call('GET', KEYS[1])", b"maxclients", b"x" * 300),
)
KEYS = (b"k", b"h", b"l", b"s", b"z", b"x", b"geo", b"nokey")
REFUSED = ("MONITOR", "SHUTDOWN", "SYNC", "PSYNC")


def all_names() -> list[list[bytes]]:
    """The names of all commands and subcommands, those without a function of their own left out."""
    load_commands()
    return [
        one.name.encode().split(b"|")
        for parent in DECLARATIONS.values()
        for one in (parent, *parent.subcommands.values())
        if one.handler is not None
    ]


@pytest.fixture
def cache(caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    """A cache with a key of each type, which must not log a defect; what it saves goes with the test."""
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING, "geventcache"), Cache() as made:
        fill(made)
        yield made
    defects = [record.getMessage() for record in caplog.records if "command_failed" in record.getMessage()]
    assert defects == []


def fill(cache: Cache) -> None:
    """Make a key of each type."""
    cache.execute("FLUSHALL")
    cache.execute("SET", "k", "12")
    cache.execute("HSET", "h", "f", "1")
    cache.execute("RPUSH", "l", "a", "b", "c")
    cache.execute("SADD", "s", "1", "2", "m")
    cache.execute("ZADD", "z", 1, "a", 2, "m")
    cache.execute("XADD", "x", "0-1", "f", "v")
    cache.execute("XGROUP", "CREATE", "x", "g", "0")
    cache.execute("PFADD", "hll", "a")
    cache.execute("GEOADD", "geo", 1, 1, "m")


def tries(names: list[bytes], rng: random.Random) -> Iterator[list[bytes]]:
    """Requests that a command may get: keys of each type first, then anything."""
    yield names
    for key in KEYS:
        for count in (0, rng.randrange(1, 3), rng.randrange(3, 6)):
            yield [*names, key, *rng.choices(WORDS, k=count)]
    for count in range(1, 6):
        yield [*names, *rng.choices(WORDS, k=count)]


def run(cache: Cache, request: list[bytes]) -> object:
    """The value of a request, None where it is refused."""
    try:
        return cache.execute(*request)
    except ResponseError:  # a defect is in the log, which the fixture looks at
        return None


def restore(cache: Cache) -> None:
    """Take back what a request may have asked for."""
    for line in ("CLIENT REPLY ON", "DISCARD", "RESET", "CLIENT UNPAUSE", "AUTH default x", "SELECT 0"):
        run(cache, line.encode().split())
    run(cache, [b"CONFIG", b"SET", b"requirepass", b"", b"maxmemory", b"0"])


@pytest.mark.parametrize("names", all_names(), ids=lambda names: b"|".join(names).decode())
def test_a_command_runs_or_is_refused(cache: Cache, names: list[bytes]) -> None:
    """Whatever a command is given, its answer is a value or an error of its own; the cache is of use afterwards."""
    rng = random.Random(b"|".join(names))
    for request in tries(names, rng):
        if names == [b"DEBUG", b"SLEEP"]:
            continue
        value = run(cache, request)
        if names[0].decode() in REFUSED:
            assert value is None
        restore(cache)
        fill(cache)
    assert cache.get("k") == b"12"


@pytest.mark.parametrize("name", REFUSED)
def test_commands_that_a_cache_has_no_use_for_say_so(cache: Cache, name: str) -> None:
    """The error names the command, in any spelling."""
    for spelling in (name, name.lower(), name.title()):
        with pytest.raises(ResponseError, match=f"{name} .*cache"):
            cache.execute(spelling)
    assert cache.get("k") == b"12"


def test_reports_about_clients(cache: Cache) -> None:
    """The one client has neither address nor socket."""
    assert b"connected_clients:1" in cache.execute("INFO")
    assert b"connected_clients:1" in cache.execute("INFO", "clients")
    assert b" fd=-1 " in cache.execute("CLIENT", "LIST")
    assert b"user=default" in cache.execute("CLIENT", "INFO")
    assert cache.execute("CLIENT", "LIST", "FLAGS", "U") in (b"", "")


def test_access_control_holds(cache: Cache) -> None:
    """What the user may not do is refused, and can be allowed again."""
    cache.execute("ACL", "SETUSER", "default", "-get")
    with pytest.raises(ResponseError, match="NOPERM"):
        cache.get("k")
    assert cache.execute("ACL", "LOG")[0][b"object"] == b"get"
    cache.execute("ACL", "SETUSER", "default", "+get")
    assert cache.get("k") == b"12"


def test_replies_that_are_not_wanted(cache: Cache) -> None:
    """After CLIENT REPLY OFF everything is None, of commands that would block too."""
    assert cache.execute("CLIENT", "REPLY", "OFF") is None
    assert cache.execute("XREAD", "BLOCK", "0", "STREAMS", "x", "$") is None
    assert cache.execute("BLPOP", "nokey", "0") is None
    assert cache.get("k") is None
    cache.execute("CLIENT", "REPLY", "ON")
    assert cache.get("k") == b"12"
    assert cache.execute("CLIENT", "REPLY", "SKIP") is None
    assert cache.execute("BLPOP", "nokey", "0") is None
    assert cache.get("k") == b"12"


@pytest.mark.parametrize("line", ["QUIT", "CLIENT KILL ID 1", "CLIENT KILL SKIPME NO TYPE normal", "RESET", "HELLO 2"])
def test_the_one_client_cannot_be_ended(cache: Cache, line: str) -> None:
    """A cache ends by close() alone, and speaks RESP3 whatever it was told."""
    run(cache, line.encode().split())
    assert cache.hgetall("h") == {b"f": b"1"}
    assert cache.execute("BLPOP", "l", "0") == [b"l", b"a"]
