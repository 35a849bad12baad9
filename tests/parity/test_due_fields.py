"""Fields that are due while nothing removes them: what commands see of them, and what they tell when they write.

Active expiry is switched off on both servers, so that due fields stay where they are until a command comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pytest

from ..support.client import Client
from ..support.needs import required_reference
from ..support.servers import Servers, running_reference, running_subject
from ..support.wire import Argument
from .match import unordered
from .pair import Pair, Twin

OPTIONS = ("--enable-debug-command", "local")

READS: tuple[Sequence[Argument], ...] = (
    ("HGET", "h", "a"),
    ("HMGET", "h", "a", "b", "c"),
    ("HEXISTS", "h", "a"),
    ("HSTRLEN", "h", "a"),
    ("HGETALL", "h"),
    ("HKEYS", "h"),
    ("HVALS", "h"),
    ("HRANDFIELD", "h"),
    ("HRANDFIELD", "h", 5),
    ("HRANDFIELD", "h", -3),
    ("HRANDFIELD", "h", 5, "WITHVALUES"),
    ("HSCAN", "h", 0),
    ("HSCAN", "h", 0, "NOVALUES"),
    ("HTTL", "h", "FIELDS", 2, "a", "c"),
    ("HPEXPIRETIME", "h", "FIELDS", 2, "a", "c"),
    ("HLEN", "h"),
    ("EXISTS", "h"),
)
WRITES: tuple[Sequence[Argument], ...] = (
    ("HSET", "h", "a", "9"),
    ("HSET", "h", "a", "9", "b", "9", "d", "9"),
    ("HMSET", "h", "a", "9", "c", "9"),
    ("HSETNX", "h", "a", "9"),
    ("HINCRBY", "h", "a", "9"),
    ("HINCRBYFLOAT", "h", "a", "9.5"),
    ("HDEL", "h", "a"),
    ("HDEL", "h", "c"),
    ("HDEL", "h", "a", "c"),
    ("HGETDEL", "h", "FIELDS", 2, "a", "c"),
    ("HGETEX", "h", "EXAT", 4000000000, "FIELDS", 2, "a", "c"),
    ("HGETEX", "h", "PERSIST", "FIELDS", 1, "a"),
    ("HGETEX", "h", "PXAT", 1, "FIELDS", 1, "a"),
    ("HEXPIREAT", "h", 4000000000, "FIELDS", 2, "a", "c"),
    ("HEXPIRE", "h", 0, "FIELDS", 1, "a"),
    ("HPERSIST", "h", "FIELDS", 1, "a"),
    ("HSETEX", "h", "EXAT", 4000000000, "FIELDS", 2, "a", "9", "c", "9"),
    ("HSETEX", "h", "KEEPTTL", "FIELDS", 2, "a", "9", "c", "9"),
    ("HSETEX", "h", "FNX", "FIELDS", 1, "a", "9"),
    ("HSETEX", "h", "FXX", "FIELDS", 1, "a", "9"),
    ("HSETEX", "h", "NX", "FIELDS", 1, "a", "9"),
    ("HSETEX", "h", "XX", "FIELDS", 1, "a", "9"),
    ("HSETEX", "h", "PXAT", 1, "FIELDS", 1, "a", "9"),
    ("HSETEX", "new", "PXAT", 1, "FIELDS", 1, "a", "9"),
    ("RENAME", "h", "i"),
    ("SET", "h", "x"),
    ("DEL", "h"),
)


@pytest.fixture(scope="module")
def passive() -> Iterator[Servers]:
    """Both servers, with DEBUG enabled."""
    binary = required_reference()
    with running_reference(binary, *OPTIONS) as reference, running_subject(*OPTIONS) as subject:
        yield Servers(reference, subject, frozenset())


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def due(passive: Servers, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A pair of servers that remove nothing by themselves."""
    with contextlib.closing(Pair(passive, request.param)) as pair, pair.configured(notify_keyspace_events="KEAn"):
        pair.reset()
        pair.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        yield pair
        pair.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def make_due(pair: Pair, *fields: str) -> None:
    """Make a hash with a live field `c` and these, whose time has come."""
    pair.do("DEL", "h")
    pair.do("HSET", "h", "c", "3", *(part for field in fields for part in (field, "1")))
    pair.do("HPEXPIRE", "h", 1, "FIELDS", len(fields), *fields)
    wait_due(pair, *fields)


def wait_due(pair: Pair, *fields: str) -> None:
    """Wait until the fields are due on both servers."""

    def are_due(client: Client) -> bool:
        return all(client.do("HEXISTS", "h", field).value == 0 for field in fields)

    pair.wait_until(are_due)


def listener(pair: Pair) -> Twin:
    """A subscriber to the events of keys."""
    found = pair.client("events")
    found.send("PSUBSCRIBE", "__keyevent@*__:*")
    found.receive()
    return found


@pytest.mark.parametrize("command", READS, ids=lambda command: " ".join(map(str, command)))
def test_reads(due: Pair, command: Sequence[Argument]) -> None:
    """A due field is missing to whoever reads, though it counts in the length."""
    make_due(due, "a", "b")
    due.do(*command)


@pytest.mark.parametrize("command", WRITES, ids=lambda command: " ".join(map(str, command)))
def test_writes(due: Pair, command: Sequence[Argument]) -> None:
    """A command that writes to a due field tells of its end first, and leaves the others as they are."""
    make_due(due, "a", "b")
    events = listener(due)
    due.do(*command)
    events.drain()
    due.do("HLEN", "h") if command[0] != "SET" else due.do("GET", "h")
    due.do("HGETALL", "h", match=unordered())
    due.do("HPEXPIRETIME", "h", "FIELDS", 2, "a", "c")


def test_fields_are_removed_when_expiry_is_active_again(due: Pair) -> None:
    """What is due goes with `hexpired`, and `del` where nothing is left."""
    make_due(due, "a", "b")
    due.do("HPEXPIRE", "h", 1, "FIELDS", 1, "c")
    wait_due(due, "c")
    for command in READS:
        due.do(*command)
    events = listener(due)
    due.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    for event in (b"hexpired", b"del"):
        assert events.receive().value[2].value == b"__keyevent@0__:" + event
    due.do("EXISTS", "h")
