"""The gate: what is asked in which context, while it applies and not otherwise, and in which order."""

from collections.abc import Callable

import pytest

from geventcache.base import errors
from geventcache.engine import gate

from ..support.inprocess import InProcessServer

FULL = errors.OUT_OF_MEMORY
UNSAVED = errors.NOT_SAVED


def fill(server: InProcessServer) -> None:
    """No memory is left, and none can be made free."""
    server.state.is_out_of_memory = lambda keyspace: True  # type: ignore[method-assign]
    server.state.memory_limit.press()


def fail_to_save(server: InProcessServer) -> None:
    """The last save failed."""
    server.state.snapshots.stops_writes = lambda: True  # type: ignore[method-assign]
    server.state.review()


def load(server: InProcessServer) -> None:
    """Data is being loaded."""
    server.state.snapshots.is_loading = True
    server.state.review()


STATES = [
    (fill, ("SET", "k", "v"), FULL),
    (fill, ("DEL", "k"), None),
    (fill, ("GET", "k"), None),
    (fail_to_save, ("SET", "k", "v"), UNSAVED),
    (fail_to_save, ("DEL", "k"), UNSAVED),
    (fail_to_save, ("GET", "k"), None),
]


@pytest.mark.parametrize(("begin", "request_", "text"), STATES)
def test_state_is_asked_about_in_every_context(
    begin: Callable[[InProcessServer], None],
    request_: tuple[str, ...],
    text: bytes | None,
) -> None:
    """What the state of the server refuses, it refuses to a client, to EXEC and to a script, each in its way."""
    server = InProcessServer()
    session, other = server.session(), server.session()
    other.do("MULTI")
    other.do(*request_)
    begin(server)
    reply = session.do(*request_)
    assert reply == b"-%b\r\n" % text if text else not reply.startswith(b"-")
    reply = other.do("EXEC")
    assert reply == b"-%b\r\n" % errors.exec_aborted(text) if text else not reply.startswith(b"-")
    reply = session.do("EVAL", f"return redis.call({', '.join(map(repr, request_))})", "0")
    assert reply.startswith(b"-%b" % text.rstrip(b".")) if text else not reply.startswith(b"-")


@pytest.mark.parametrize(("begin", "text"), [(fill, FULL), (fail_to_save, UNSAVED)])
def test_script_that_declares_itself_is_refused_before_it_begins(
    begin: Callable[[InProcessServer], None], text: bytes
) -> None:
    """A script with a header is judged by its flags, one without by its commands: of those it may have run some."""
    server = InProcessServer()
    session = server.session()
    begin(server)
    before = "redis.call('incr', 'never')\n"
    assert session.do("EVAL", "#!lua\n" + before, "0") == b"-%b\r\n" % text
    assert session.do("EVAL", "#!lua flags=no-writes\nreturn 1", "0") == b":1\r\n"
    assert session.do("EVAL", "return 1", "0") == b":1\r\n"
    assert session.do("GET", "never") == b"$-1\r\n"


def test_script_that_has_begun_to_write_goes_on() -> None:
    """What the state of the server refuses is not refused to a script amid its changes."""
    server = InProcessServer()
    session = server.session()
    fill(server)
    fail_to_save(server)
    server.state.snapshots.stops_writes = lambda: False  # type: ignore[method-assign]
    script = "redis.call('del', 'k') return redis.call('set', 'k', 'v')"
    assert session.do("EVAL", script, "0") == b"+OK\r\n"
    server.state.snapshots.stops_writes = lambda: True  # type: ignore[method-assign]
    assert session.do("EVAL", script, "0").startswith(b"-" + UNSAVED.rstrip(b"."))


def test_nothing_is_asked_while_nothing_applies() -> None:
    """Of an ordinary server the gate looks at no command, and while a reason lasts at every one."""
    server = InProcessServer()
    assert not server.engine.is_special
    load(server)
    assert server.engine.is_special
    assert server.session().do("GET", "k") == b"-%b\r\n" % errors.LOADING
    server.state.snapshots.is_loading = False
    server.state.review()
    assert not server.engine.is_special
    assert gate.loading not in server.engine.gate.of_clients


def test_order_is_that_of_the_table() -> None:
    """Where several refuse, the first question's error is the answer."""
    server = InProcessServer()
    session = server.session()
    load(server)
    fail_to_save(server)
    fill(server)
    assert session.do("SET", "k", "v") == b"-%b\r\n" % FULL
    assert session.do("DEL", "k") == b"-%b\r\n" % UNSAVED
    assert session.do("GET", "k") == b"-%b\r\n" % errors.LOADING
    session.client.needs_auth = True
    session.client.review()
    assert session.do("SET", "k", "v") == b"-%b\r\n" % errors.NO_AUTH
