"""The one place that runs handlers: what is raised, what counts as a change, and who hears of it when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from geventcache.store.changes import HOST_RANK, Listener
from geventcache.store.keyspace import Keyspace

from ..support.inprocess import InProcessServer, NoLog, Session

REFUSAL = b"-OOM the system has no memory left for this"


class Quiet(NoLog):
    """A log that keeps nothing, of defects neither."""

    def error(self, event: str, **fields: object) -> None:
        """A command raised what it must not."""


class Faulty(Listener):
    """A listener that finds no memory."""

    hears_all = True

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes | None) -> None:
        """Fail."""
        raise MemoryError


@pytest.fixture
def server() -> InProcessServer:
    """A server that answers defects instead of failing the test."""
    server = InProcessServer()
    server.state.log = Quiet()
    return server


@pytest.fixture
def session(server: InProcessServer) -> Session:
    """A client of the server."""
    return server.session()


@pytest.fixture
def fault(server: InProcessServer) -> Iterator[Faulty]:
    """A listener that fails at every change."""
    listener = Faulty()
    server.state.changes.listen(listener, HOST_RANK)
    yield listener
    server.state.changes.ignore(listener)


@pytest.mark.parametrize("wrapped", ["alone", "in a transaction", "in a script"])
def test_what_a_listener_raises_ends_one_command(
    server: InProcessServer, session: Session, fault: Faulty, wrapped: str
) -> None:
    """The command is answered with an error, the next one runs as ever, and nothing stays open."""
    if wrapped == "alone":
        assert session.do("RPUSH", "l", "a").startswith(REFUSAL)
    elif wrapped == "in a transaction":
        session.do("MULTI")
        session.do("RPUSH", "l", "a")
        assert session.do("EXEC").startswith(b"*1\r\n" + REFUSAL)
    else:
        assert session.do("EVAL", "return redis.call('RPUSH', 'l', 'a')", "0").startswith(REFUSAL)
    assert server.state.databases.get(0).opened == 0
    server.state.changes.ignore(fault)
    assert session.do("LLEN", "l") == b":1\r\n"


def test_half_a_reply_is_taken_back(server: InProcessServer, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be written leaves nothing of itself in the replies."""
    session.do("SET", "k", "v")
    session.do("MULTI")
    session.do("GET", "k")
    session.do("GET", "k")

    def fail(client: Any, command: Any, *_: Any) -> None:
        if not command.runs_queue:
            raise MemoryError

    monkeypatch.setattr(server.state, "on_large_reply", fail)
    server.engine.large_reply = 0
    assert session.do("EXEC").startswith(REFUSAL)
    assert server.state.table.find([b"EXEC"]).failed == 1


def test_exec_is_not_in_the_slow_log(server: InProcessServer, session: Session) -> None:
    """Its commands are."""
    server.config.set(b"slowlog-log-slower-than", b"0")
    for request in ("MULTI", "PING", "EXEC"):
        session.do(request)
    names = [entry[3][0] for entry in server.state.slow_log.latest(-1)]
    assert b"EXEC" not in names
    assert b"PING" in names


def test_a_change_by_who_waited_is_told_after_its_reply(server: InProcessServer) -> None:
    """A client that tracks what its own BLMOVE changes gets the reply first."""
    waiter, other = server.session(resp3=True), server.session()
    waiter.do("CLIENT", "TRACKING", "ON")
    waiter.do("LRANGE", "target", "0", "-1")
    waiter.do("BLMOVE", "source", "target", "LEFT", "LEFT", "0")
    other.do("RPUSH", "source", "x")
    reply, message = waiter.messages()
    assert reply == b"$1\r\nx\r\n"
    assert message.startswith(b">2\r\n$10\r\ninvalidate")


def test_evicted_keys_are_told_before_the_reply(server: InProcessServer) -> None:
    """A client that tracks a key which goes to make room for its command hears of that first."""
    session = server.session(resp3=True)
    session.do("SET", "large", "x" * 1_000_000)
    session.do("CLIENT", "TRACKING", "ON")
    session.do("STRLEN", "large")
    server.config.set_many([(b"maxmemory-policy", b"allkeys-random"), (b"maxmemory", b"500000")])
    for keyspace in server.state.databases.existing():
        while keyspace.account is not None and keyspace.account.cover():
            pass
    reply = session.do("SET", "small", "x")
    assert reply.index(b"invalidate") < reply.index(b"+OK")


# Requests, and how many changes the reference counts for the last of them.
COUNTED = (
    (("SET a 1", "RENAME a b"), 1),
    (("SET a 1", "MOVE a 1"), 1),
    (("SADD s a b c", "SPOP s"), 1),
    (("SADD s a b c", "SPOP s 3"), 3),
    (("RPUSH l a", "LMOVE l m LEFT RIGHT"), 1),
    (("RPUSH l a", "LPOP l"), 1),
    (("HSET h f 1 g 1", "HDEL h f g"), 2),
    (("SADD s a", "SMOVE s t a"), 2),
    (("SET a 1 PXAT 1",), 0),
    (("SET a 1", "SET a 1 PXAT 1"), 1),
    (("MSET a 1 b 2", "DEL a b c"), 2),
    (("XADD x 1-1 f v", "XGROUP CREATE x g 0"), 1),
    (("XADD x 1-1 f v", "XADD x 2-1 f v", "XGROUP CREATE x g 0", "XGROUP CREATECONSUMER x g c",
      "XREADGROUP GROUP g c STREAMS x >"), 2),
    (("MSET a 1 b 2 c 3", "FLUSHALL"), 3),
)  # fmt: skip


@pytest.mark.parametrize(("requests", "count"), COUNTED)
def test_changes_are_counted_as_by_the_reference(
    server: InProcessServer, session: Session, requests: tuple[str, ...], count: int
) -> None:
    """`rdb_changes_since_last_save` grows by what the reference counts."""
    for request in requests[:-1]:
        session.do(*request.split())
    before = server.state.changes.dirty
    session.do(*requests[-1].split())
    assert server.state.changes.dirty - before == count


def test_who_expires_is_not_counted(server: InProcessServer, session: Session) -> None:
    """A key whose time has come is no change that anybody made."""
    session.do("SET", "k", "v", "PX", "5")
    before = server.state.changes.dirty
    server.clock.now_ms += 10
    assert session.do("GET", "k") == b"$-1\r\n"
    assert server.state.changes.dirty == before


def test_what_is_pending_is_in_the_account(server: InProcessServer, session: Session) -> None:
    """What a group of a stream has delivered counts for maxmemory, and what is acknowledged does not any more."""
    server.config.set(b"maxmemory", b"%d" % (1 << 30))
    for number in range(1, 2001):
        session.do("XADD", "x", f"{number}-1", "f", "v")
    session.do("XGROUP", "CREATE", "x", "g", "0")
    account: Any = server.state.databases.get(0).account
    before = account.used
    session.do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")
    assert account.used - before > 2000 * 200
    session.do("XACK", "x", "g", *(f"{number}-1" for number in range(1, 2001)))
    assert account.used - before < 20_000


def test_groups_wake_nobody_who_watches(server: InProcessServer, session: Session) -> None:
    """A consumer group is beside the entries: EXEC runs, though the group has read."""
    session.do("XADD", "x", "1-1", "f", "v")
    session.do("XGROUP", "CREATE", "x", "g", "0")
    session.do("WATCH", "x")
    server.session().do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")
    session.do("MULTI")
    session.do("PING")
    assert session.do("EXEC") == b"*1\r\n+PONG\r\n"
