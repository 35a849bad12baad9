"""WATCH without sockets: what makes a transaction fail, and that nothing else does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from geventcache.base.histogram import Histogram
from geventcache.services.state import ServerState

from ..support.inprocess import InProcessServer, Session

ABORTED = b"*-1\r\n"
DONE = b"*1\r\n+PONG\r\n"


def outcome(session: Session) -> bytes:
    """What a transaction of one PING answers."""
    assert session.do("MULTI") == b"+OK\r\n"
    assert session.do("PING") == b"+QUEUED\r\n"
    return session.do("EXEC")


def swap(state: ServerState) -> None:
    """Exchange databases 0 and 1."""
    state.databases.get(0).swap(state.databases.get(1))


def put(key: bytes, index: int = 0) -> Callable[[ServerState], None]:
    """Store a value."""
    return lambda state: state.databases.get(index).put(key, b"new", b"set")


@pytest.mark.parametrize(
    ("change", "there", "missing"),
    [
        (lambda state: None, DONE, DONE),
        (put(b"k"), ABORTED, ABORTED),
        (put(b"other"), DONE, DONE),
        (put(b"k", 1), DONE, DONE),
        (lambda state: state.databases.get(0).delete(b"k"), ABORTED, DONE),
        (lambda state: state.databases.get(0).set_deadline(b"k", 1 << 50), ABORTED, DONE),
        (lambda state: state.databases.get(0).persist(b"k"), DONE, DONE),
        (lambda state: state.databases.get(0).read(b"k"), DONE, DONE),
        (lambda state: state.databases.get(0).flush(), ABORTED, DONE),
        (lambda state: state.databases.get(1).flush(), DONE, DONE),
        (lambda state: state.databases.flush(), ABORTED, DONE),
        (swap, ABORTED, DONE),
        (lambda state: (put(b"k", 1)(state), swap(state)), ABORTED, ABORTED),
    ],
    ids=[
        *("nothing", "put", "another key", "another database", "delete", "deadline", "no deadline to persist", "read"),
        *("flush", "flush another", "flush all", "swap with nothing", "swap with a key"),
    ],
)
def test_changes_abort(change: Callable[[ServerState], object], there: bytes, missing: bytes) -> None:
    """A change of a watched key aborts, whether the key was there before or not; what changes nothing does not."""
    for is_there, expected in ((True, there), (False, missing)):
        server = InProcessServer()
        if is_there:
            put(b"k")(server.state)
        session = server.session()
        session.do("WATCH", "k")
        change(server.state)
        assert outcome(session) == expected
        assert outcome(session) == DONE


@pytest.mark.parametrize("is_removed", [True, False])
def test_expiry_aborts(is_removed: bool) -> None:
    """A watched key whose time comes aborts, whether somebody has removed it already or not."""
    server = InProcessServer()
    keyspace = server.state.databases.get(0)
    keyspace.put_until(b"k", b"v", server.clock.now_ms + 10, b"set")
    session = server.session()
    session.do("WATCH", "k")
    server.clock.advance(10)
    if is_removed:
        time_ms, keys = keyspace.deadlines.pop_due(server.clock.now_ms)
        keyspace.visit(keys, 0, len(keys), time_ms, Histogram())
    assert outcome(session) == ABORTED


def test_key_expired_before_watch() -> None:
    """A key whose time had come before WATCH is a missing one: its removal is no change."""
    server = InProcessServer()
    keyspace = server.state.databases.get(0)
    keyspace.put_until(b"k", b"v", server.clock.now_ms + 10, b"set")
    server.clock.advance(10)
    session = server.session()
    session.do("WATCH", "k")
    assert outcome(session) == DONE


@pytest.mark.parametrize("end", ["UNWATCH", "DISCARD", "EXEC", "wrong EXEC", "leave", "reset"])
def test_watching_ends(end: str) -> None:
    """After each end of a transaction, and of a client, nothing is watched and nobody listens to changes."""
    server = InProcessServer()
    session = server.session()
    session.do("WATCH", "a", "b", "a")
    keyspace = server.state.databases.get(0)
    assert (len(server.state.watch), keyspace.observed) == (2, True)
    if end in ("leave", "reset"):
        getattr(server.state, end)(session.client)
    elif end == "UNWATCH":
        session.do(end)
    else:
        session.do("MULTI")
        session.do(*end.replace("wrong ", "").split(), *(["surplus"] if "wrong" in end else []))
    assert (len(server.state.watch), keyspace.observed) == (0, False)
    put(b"a")(server.state)
    assert not session.client.is_dirty
    assert session.client.queue is None
    assert not session.client.is_special


def test_one_watcher_of_two_leaves() -> None:
    """A key stays watched by whoever else watches it."""
    server = InProcessServer()
    stayer, leaver = server.session(), server.session()
    for session in (stayer, leaver):
        session.do("WATCH", "k")
    server.state.leave(leaver.client)
    put(b"k")(server.state)
    assert outcome(stayer) == ABORTED


@pytest.mark.parametrize(
    ("request_", "expected"),
    [(("SET", "k", "v"), b"-EXECABORT Transaction discarded because of: OOM"), (("PING",), b"*1")],
)
def test_memory_is_asked_for_as_a_whole(request_: tuple[str, ...], expected: bytes) -> None:
    """When memory ran out after a writing request was queued, EXEC is refused and the transaction is over."""
    server = InProcessServer()
    session = server.session()
    session.do("MULTI")
    session.do(*request_)
    server.state.is_out_of_memory = lambda keyspace: True  # type: ignore[method-assign]
    server.state.memory_limit.press()
    assert session.do("EXEC").startswith(expected)
    assert session.do("EXEC") == b"-ERR EXEC without MULTI\r\n"
