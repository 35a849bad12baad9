"""MIGRATE: its options and errors, and what is at the target and here afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..persistence.samples import SAMPLES
from ..support.client import Client
from ..support.needs import required_reference
from ..support.servers import Address, running_reference, running_subject
from ..support.wire import Argument, Reply
from .pair import Pair

Targets = tuple[Address, Address]


@pytest.fixture(scope="module")
def targets() -> Iterator[Targets]:
    """Two servers that keys go to: one for the reference's, one for the subject's."""
    binary = required_reference()
    with running_reference(binary) as first, running_reference(binary) as second:
        for address in (first, second):
            client = Client(address)
            client.do("ACL", "SETUSER", "bob", "on", ">word", "~*", "+@all")
            client.close()
        yield first, second


@pytest.fixture
def clients(targets: Targets) -> Iterator[tuple[Client, Client]]:
    """Connections to both targets, which are empty."""
    pair = tuple(map(Client, targets))
    for client in pair:
        client.do("CONFIG", "SET", "requirepass", "")
        client.do("FLUSHALL")
    yield pair  # type: ignore[misc]
    for client in pair:
        client.do("CONFIG", "SET", "requirepass", "")
        client.close()


def migrate(pair: Pair, targets: Targets, *words: Argument) -> Reply:
    """Migrate from both servers to their targets, and compare what they answer."""
    first, second = (("MIGRATE", *address, *words) for address in targets)
    return pair.send_each(first, second)


def same_there(clients: tuple[Client, Client], *request: Argument) -> Reply:
    """Ask both targets, which have to answer the same."""
    first, second = (client.do(*request) for client in clients)
    assert first == second, request
    return first


def test_one_key(pair: Pair, targets: Targets, clients: tuple[Client, Client]) -> None:
    """It is there with its deadline, and here no more; unless it was to be copied."""
    pair.do("SET", "k", "v", "PX", 100_000)
    assert migrate(pair, targets, "k", 0, 1000).value == b"OK"
    pair.do("EXISTS", "k")
    assert same_there(clients, "GET", "k").value == b"v"
    assert all(90_000 < client.do("PTTL", "k").value <= 100_000 for client in clients)
    pair.do("SET", "k", "w")
    migrate(pair, targets, "k", 0, 1000)
    migrate(pair, targets, "k", 0, 1000, "COPY")
    pair.do("GET", "k")
    migrate(pair, targets, "k", 0, 1000, "copy", "replace")
    pair.do("GET", "k")
    assert same_there(clients, "GET", "k").value == b"w"
    assert same_there(clients, "PTTL", "k").value == -1
    migrate(pair, targets, "k", 5, 1000, "COPY")
    migrate(pair, targets, "k", 0, 1000, "REPLACE")
    pair.do("EXISTS", "k")
    same_there(clients, "SELECT", 5)
    assert same_there(clients, "GET", "k").value == b"w"


def test_many_keys(pair: Pair, targets: Targets, clients: tuple[Client, Client]) -> None:
    """All that exist go, those that the target has keep their place here."""
    pair.play("MSET a 1 b 2 c 3 d 4")
    migrate(pair, targets, "", 0, 1000, "KEYS", "a", "missing", "b")
    pair.do("MGET", "a", "b", "c", "d")
    same_there(clients, "MGET", "a", "b", "c", "d")
    pair.play("MSET a 5 b 6")
    migrate(pair, targets, "", 0, 1000, "KEYS", "c", "a", "d")
    pair.do("MGET", "a", "b", "c", "d")
    same_there(clients, "MGET", "a", "b", "c", "d")
    migrate(pair, targets, "", 0, 1000, "REPLACE", "KEYS", "c", "a", "d", "b")
    pair.do("DBSIZE")
    same_there(clients, "MGET", "a", "b", "c", "d")


def test_all_types(pair: Pair, targets: Targets, clients: tuple[Client, Client]) -> None:
    """Values of every type and size."""
    for commands in SAMPLES.values():
        for command in commands:
            pair.do(*command, match=lambda *_: ())
    migrate(pair, targets, "", 0, 5000, "KEYS", *SAMPLES)
    pair.do("DBSIZE")
    assert same_there(clients, "DBSIZE").value == len(SAMPLES)
    for key in SAMPLES:
        if key != "stream:mixed":
            same_there(clients, "TYPE", key)
            same_there(clients, "OBJECT", "ENCODING", key)
    same_there(clients, "LRANGE", "list:edges", 0, -1)
    same_there(clients, "ZRANGE", "zset:large", 0, -1)


def test_errors(pair: Pair, targets: Targets, clients: tuple[Client, Client]) -> None:
    """Of the request, of what cannot be reached, and of the target."""
    pair.do("SET", "k", "v")
    pair.play("""
        MIGRATE
        MIGRATE 127.0.0.1 1 k 0
        MIGRATE 127.0.0.1 1 k 0 x
        MIGRATE 127.0.0.1 1 k x 10
        MIGRATE 127.0.0.1 1 k x y
        MIGRATE 127.0.0.1 1 k 0 1000 WHAT
        MIGRATE 127.0.0.1 1 k 0 1000 AUTH
        MIGRATE 127.0.0.1 1 k 0 1000 AUTH2 bob
        MIGRATE 127.0.0.1 1 k 0 1000 KEYS a
        MIGRATE 127.0.0.1 1 k 0 1000 KEYS
        MIGRATE 127.0.0.1 1 "" 0 1000 KEYS
        MIGRATE 127.0.0.1 1 "" 0 1000 KEYS missing
        MIGRATE 127.0.0.1 1 missing 0 1000
        MIGRATE 127.0.0.1 1 "" 0 1000
        MIGRATE 127.0.0.1 1 k 0 -5
        MIGRATE 127.0.0.1 1 "" 0 1000 COPY KEYS k
        MIGRATE 127.0.0.1 1 k 0 1000
    """)
    migrate(pair, targets, "k", 99, 1000)
    migrate(pair, targets, "k", 0, 1000, "AUTH", "wrong")
    migrate(pair, targets, "k", 0, 1000, "AUTH2", "bob", "wrong", "REPLACE")
    pair.do("GET", "k")
    migrate(pair, targets, "k", 0, 1000, "AUTH2", "bob", "word", "REPLACE")
    pair.do("EXISTS", "k")
    for client in clients:
        client.do("CONFIG", "SET", "requirepass", "secret")
    pair.do("SET", "k", "v")
    migrate(pair, targets, "k", 0, 1000, "REPLACE", "AUTH", "secret")
    pair.do("EXISTS", "k")
    same_there(clients, "GET", "k")


def test_a_connection_that_broke_is_made_anew(pair: Pair, targets: Targets, clients: tuple[Client, Client]) -> None:
    """The one that was kept may be gone when it is needed."""
    for value in ("1", "2"):
        pair.do("SET", "k", value)
        migrate(pair, targets, "k", 3, 1000, "REPLACE")
        for client in clients:
            client.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for client in clients:
        client.do("SELECT", 3)
    assert same_there(clients, "GET", "k").value == b"2"


def test_events(resp2_pair: Pair, targets: Targets, clients: tuple[Client, Client]) -> None:
    """A key that has gone is told as one that was deleted."""
    pair = resp2_pair
    with pair.configured(**{"notify-keyspace-events": "KEA"}):
        listener = pair.client("listener")
        listener.do("PSUBSCRIBE", "*")
        pair.do("SET", "k", "v")
        pair.client("watcher").do("WATCH", "k")
        migrate(pair, targets, "k", 0, 1000)
        pair.client("watcher").do("MULTI")
        pair.client("watcher").do("GET", "k")
        pair.client("watcher").do("EXEC")
        listener.drain()


def test_keys(pair: Pair) -> None:
    """Where the keys stand."""
    pair.play("""
        COMMAND GETKEYS MIGRATE h 1 k 0 10
        COMMAND GETKEYS MIGRATE h 1 "" 0 10 KEYS a b
        COMMAND GETKEYS MIGRATE h 1 "" 0 10 COPY AUTH keys KEYS a
        COMMAND GETKEYS MIGRATE h 1 "" 0 10 AUTH2 keys keys KEYS a
        COMMAND GETKEYSANDFLAGS MIGRATE h 1 "" 0 10 keys a b
        COMMAND GETKEYSANDFLAGS MIGRATE h 1 k 0 10
    """)


def test_from_here_to_here(targets: Targets) -> None:
    """Between two servers of ours, while others change the key that is on its way."""
    with running_subject("--databases", "2") as one, running_subject("--databases", "3") as other:
        source, target, writer = Client(one), Client(other), Client(one)
        for i in range(50):
            writer.do("RPUSH", "l", *range(200))
            source.send("MIGRATE", *other, "l", 0, 1000, "REPLACE")
            for n in range(10):
                writer.do("RPUSH", "l", f"{i}:{n}")
            assert source.receive().value == b"OK"
            here = writer.do("LRANGE", "l", 0, -1).plain()
            there = target.do("LRANGE", "l", 0, -1).plain()
            added = [text for text in there + here if b":" in text]
            assert added == [b"%d:%d" % (i, n) for n in range(10)]
            writer.do("DEL", "l")
        assert source.do("MIGRATE", *other, "x", 2, 1000).value == b"NOKEY"
        source.do("SET", "x", 1)
        assert source.do("MULTI").value == b"OK"
        source.do("MIGRATE", *other, "x", 2, 1000)
        assert source.do("EXEC").plain()[0].startswith(b"ERR MIGRATE waits")
        assert source.do("EVAL", f"return redis.pcall('MIGRATE', '{other[0]}', '{other[1]}', 'x', 0, 9)", 0).is_error
        for client in (source, target, writer):
            client.close()
