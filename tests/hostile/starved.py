"""Requests whose allocations fail, one after the other: run as a program, with the name of a case.

There is no socket: bytes go to a reader, its commands to an engine, the reply is taken from the writer, all in the one
process, and an exception ends the client as it ends a connection. (Where a greenlet cannot be switched for want of
memory, greenlet ends the process; nothing above it can help that.)
"""

from __future__ import annotations

import _testcapi
import sys
from typing import Any, NamedTuple

from geventcache.base.build import IS_COMPILED
from geventcache.resp.reader import RequestReader
from geventcache.services.observing.digest import of_databases

from ..support.inprocess import InProcessServer, Session
from ..support.wire import request

GOES_WELL = 30  # so many allocations in a row that can fail without a trace: the request makes no more of them
MOST = 20_000


class Case(NamedTuple):
    """Requests before, the one that meets the end of memory, and the keys by which to see what it did."""

    before: list[tuple[str | bytes | int, ...]]
    request: tuple[str | bytes | int, ...]
    keys: tuple[str, ...] = ("k",)
    moves: bool = False  # in steps; uncompiled it may be half done, since to Python every count is an allocation


LONG = [b"item:%d" % i for i in range(300)]
NODES = [b"item:%d" % (i % 1500) for i in range(3000)]  # a list of several nodes
CASES = {
    "PING": Case([], ("PING",)),
    "no such command": Case([], ("NOSUCH", "a")),
    "wrong arity": Case([], ("GET",)),
    "wrong type": Case([("RPUSH", "k", "a")], ("GET", "k")),
    "GET": Case([("SET", "k", "v")], ("GET", "k")),
    "GET large": Case([("SET", "k", b"x" * 200_000)], ("GET", "k")),
    "SET": Case([], ("SET", "k", "v")),
    "SET over a list": Case([("RPUSH", "k", *LONG)], ("SET", "k", "v")),
    "SET large": Case([], ("SET", "k", b"x" * 3_000_000)),
    "SET PX": Case([("SET", "k", "v")], ("SET", "k", "w", "PXAT", 33_000_000_000_000)),
    "INCR": Case([("SET", "k", 10**12)], ("INCR", "k")),
    "APPEND": Case([("SET", "k", "v" * 100)], ("APPEND", "k", "w" * 1000)),
    "SETRANGE": Case([], ("SETRANGE", "k", 5000, "w")),
    "DEL": Case([("SADD", "k", *LONG)], ("DEL", "k")),
    "RENAME": Case([("SET", "k", "v"), ("SET", "l", "w")], ("RENAME", "k", "l"), ("k", "l"), moves=True),
    "RENAME with a deadline": Case(
        [("HSET", "k", "f", "v"), ("PEXPIREAT", "k", 33_000_000_000_000), ("RPUSH", "l", *LONG)],
        ("RENAME", "k", "l"),
        ("k", "l"),
        moves=True,
    ),
    "RENAME large": Case([("RPUSH", "k", *LONG), ("HSET", "l", *LONG)], ("RENAME", "k", "l"), ("k", "l"), moves=True),
    "RENAMENX": Case([("SADD", "k", *LONG)], ("RENAMENX", "k", "l"), ("k", "l"), moves=True),
    "COPY REPLACE": Case([("SADD", "k", *LONG), ("SET", "l", "w")], ("COPY", "k", "l", "REPLACE"), ("k", "l")),
    "MOVE": Case([("SADD", "k", *LONG)], ("MOVE", "k", 1), moves=True),
    "EXPIRE": Case([("SET", "k", "v")], ("PEXPIREAT", "k", 33_000_000_000_000)),
    "RPUSH": Case([], ("RPUSH", "k", "a")),
    "RPUSH many": Case([("RPUSH", "k", "a")], ("RPUSH", "k", *LONG)),
    "LPUSH": Case([("RPUSH", "k", *LONG)], ("LPUSH", "k", "a")),
    "LPOP": Case([("RPUSH", "k", *LONG)], ("LPOP", "k")),
    "LRANGE": Case([("RPUSH", "k", *LONG)], ("LRANGE", "k", 0, -1)),
    "LPOP of nodes": Case([("RPUSH", "k", *NODES)], ("LPOP", "k", 1200), moves=True),
    "RPOP of a node's last": Case([("RPUSH", "k", "a", b"x" * 9000, "b")], ("RPOP", "k"), moves=True),
    "LRANGE of nodes": Case([("RPUSH", "k", *NODES)], ("LRANGE", "k", 500, 1000)),
    "LSET large": Case([("RPUSH", "k", *NODES)], ("LSET", "k", 700, b"x" * 9000), moves=True),
    "LSET small": Case([("RPUSH", "k", *NODES), ("LSET", "k", 700, b"x" * 9000)], ("LSET", "k", 700, "y"), moves=True),
    "LINSERT into a node": Case([("RPUSH", "k", *NODES)], ("LINSERT", "k", "AFTER", "item:300", "new"), moves=True),
    "LINSERT large": Case([("RPUSH", "k", *NODES)], ("LINSERT", "k", "BEFORE", "item:300", b"x" * 9000), moves=True),
    "LREM in nodes": Case([("RPUSH", "k", *NODES)], ("LREM", "k", 0, "item:7"), moves=True),
    "LREM in shared nodes": Case(
        [("RPUSH", "k", *NODES), ("COPY", "k", "l")], ("LREM", "k", 0, "item:7"), ("k", "l"), moves=True
    ),
    "LTRIM of nodes": Case([("RPUSH", "k", *NODES)], ("LTRIM", "k", 100, -100), moves=True),
    "LTRIM of shared nodes": Case(
        [("RPUSH", "k", *NODES), ("COPY", "k", "l")], ("LTRIM", "k", 100, -100), ("k", "l"), moves=True
    ),
    "LMOVE": Case(
        [("RPUSH", "k", *NODES), ("COPY", "k", "l")], ("LMOVE", "k", "l", "LEFT", "LEFT"), ("k", "l"), moves=True
    ),
    "COPY of nodes": Case([("RPUSH", "k", *NODES)], ("COPY", "k", "l"), ("k", "l")),
    "HSET": Case([], ("HSET", "k", "f", "v")),
    "HGETALL": Case([("HSET", "k", *LONG)], ("HGETALL", "k")),
    "SADD": Case([("SADD", "k", "1", "2")], ("SADD", "k", "a")),
    "SMEMBERS": Case([("SADD", "k", *LONG)], ("SMEMBERS", "k")),
    "ZADD": Case([("ZADD", "k", 1, "a")], ("ZADD", "k", 2, "b")),
    "ZADD among many": Case([("ZADD", "k", *[part for i in range(300) for part in (i, i)])], ("ZADD", "k", 2.5, "b")),
    "ZRANGE": Case([("ZADD", "k", *[part for i in range(300) for part in (i, i)])], ("ZRANGE", "k", 0, -1)),
    "XADD": Case([], ("XADD", "k", "1-1", "f", "v")),
    "PFADD": Case([], ("PFADD", "k", "a")),
    "EVAL": Case([], ("EVAL", "return redis.call('SET', KEYS[1], 'v')", 1, "k")),
    "SCAN": Case([("SET", "k", "v")], ("SCAN", 0)),
    "SUBSCRIBE": Case([], ("SUBSCRIBE", "ch")),
    "CONFIG": Case([], ("CONFIG", "GET", "maxm*")),
}
WAITING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "BLPOP": (("BLPOP", "k", "0"), ("RPUSH", "k", "v")),
    "BLMPOP": (("BLMPOP", "0", "2", "j", "k", "LEFT"), ("RPUSH", "k", "v")),
    "BZPOPMIN": (("BZPOPMIN", "k", "0"), ("ZADD", "k", "1", "v")),
    "XREAD": (("XREAD", "BLOCK", "0", "STREAMS", "k", "$"), ("XADD", "k", "1-1", "f", "v")),
}


class Quiet:
    """A log that keeps nothing."""

    def error(self, event: str, **fields: object) -> None:
        """A command, or a connection, has failed."""

    info = warning = error


class Transport:
    """A client's connection, as far as it is told that it has ended."""

    def __init__(self) -> None:
        self.is_broken = False

    def break_off(self) -> None:
        """It has ended."""
        self.is_broken = True

    def wake(self) -> None:
        """It may go on."""

    def drain(self) -> None:
        """There is something to be sent."""


class Server(InProcessServer):
    """A server that can be starved."""

    def __init__(self) -> None:
        super().__init__()
        self.state.log = Quiet()
        self.state.let_clients_in = lambda: True

    def connect(self) -> Session:
        """Return a new client with a connection."""
        session = self.session()
        session.client.transport = Transport()
        return session

    def leave(self, session: Session) -> None:
        """A client's connection has ended."""
        session.client.transport = None
        session.client.is_closing = True
        self.state.leave(session.client)
        self.state.pushed.clear()

    def starve(self, session: Session, data: bytes, number: int) -> bytes | None:
        """Let one allocation fail after `number` others; return the reply, None if the connection ends."""
        reader, engine, client = RequestReader(), self.engine, session.client
        reply: bytes | None = None
        _testcapi.set_nomemory(number + 1, number + 2)
        try:
            for args in reader.feed(data, len(data)):
                engine.begin_turn()
                engine.execute(client, args)
            reply = engine.out.take()
        except Exception:
            reply = None
            engine.abandon()
        finally:
            _testcapi.remove_mem_hooks()
        return None if client.transport.is_broken else reply


def words_of(words: tuple[str | bytes | int, ...]) -> tuple[bytes, ...]:
    """Return the items of a request as bytes."""
    return tuple(word if isinstance(word, bytes) else str(word).encode() for word in words)


def is_failure(reply: bytes | None, right: bytes | None) -> bool:
    """Did the connection end, or the request by an error that it does not deserve?"""
    return reply is None or (reply[:1] == b"-" and reply != right)


def state_of(other: Session, case: Case) -> list[bytes]:
    """Return what tells the values, deadlines and types of the keys."""
    state = [other.do(name, key) for key in case.keys for name in ("TYPE", "PEXPIRETIME")]
    digest = of_databases(other.server.state.databases.existing())
    return [*state, other.do("DBSIZE"), b"%d" % digest]


def prepare(other: Session, case: Case) -> list[bytes]:
    """Put the data in place; return its state."""
    other.do("FLUSHALL")
    for words in case.before:
        reply = other.do(*words_of(words))
        assert reply[:1] != b"-", reply
    return state_of(other, case)


def check_request(case: Case) -> None:
    """Whichever allocation fails: the reply is right, an error or the end; the data is of before or after."""
    server = Server()
    other, data = server.connect(), request(words_of(case.request))
    before = prepare(other, case)
    right = server.starve(server.connect(), data, 10**9)
    after = state_of(other, case)
    may_be_half = case.moves and not IS_COMPILED
    number, well = 0, 0
    while well < GOES_WELL:
        assert number < MOST
        assert prepare(other, case) == before, number
        session = server.connect()
        reply = server.starve(session, data, number)
        assert is_failure(reply, right) or reply == right, (number, reply)
        server.leave(session)
        assert other.do("PING") == b"+PONG\r\n", number
        state = state_of(other, case)
        is_allowed = state == after or (is_failure(reply, right) and (state == before or may_be_half))
        assert is_allowed, (number, reply, state)
        assert server.state.databases.get(0).opened == 0
        well = 0 if is_failure(reply, right) else well + 1
        number += 1
    print(number)


def check_waiting(name: str) -> None:
    """A client that waits gets what came, or its connection ends; nobody gets half of it or waits for what is there."""
    server = Server()
    waiting, serving = (words_of(words) for words in WAITING[name])
    other = server.connect()
    blocked, client = server.connect(), server.connect()
    blocked.do(*waiting)
    right = server.starve(client, request(serving), 10**9)
    message = blocked.messages()
    assert len(message) == 1
    number, well = 0, 0
    while well < GOES_WELL:
        assert number < MOST
        other.do("FLUSHALL")
        blocked, client = server.connect(), server.connect()
        assert blocked.do(*waiting) == b""
        reply = server.starve(client, request(serving), number)
        assert is_failure(reply, right) or reply == right, (number, reply)
        assert other.do("PING") == b"+PONG\r\n"
        assert other.do("SET", "mark", "1") == b"+OK\r\n"
        messages = blocked.messages()
        transport: Any = blocked.client.transport
        if not transport.is_broken:
            if blocked.client.blocked is None:
                assert messages == message or is_failure(b"".join(messages), message[0]), (number, messages)
            else:
                assert messages == [], number
                assert other.do("EXISTS", "k") == b":0\r\n", number
        well = 0 if is_failure(reply, right) or transport.is_broken else well + 1
        number += 1
        server.leave(blocked)
        server.leave(client)
        assert len(server.state.waiters) == 0
        assert not server.state.waiters.by_key, (number, reply, messages, server.state.waiters.by_key)
    print(number)


if __name__ == "__main__":
    if sys.argv[1] in CASES:
        check_request(CASES[sys.argv[1]])
    else:
        check_waiting(sys.argv[1])
