"""What sinks get: units, complete and in order, with the database in which they begin and end."""

from __future__ import annotations

import pytest

from geventcache.base.build import IS_COMPILED
from geventcache.engine.effects import UNKNOWN_DATABASE, EffectStream, Sink, in_transaction
from geventcache.store.changes import HOST_RANK, Listener
from geventcache.store.keyspace import Keyspace

from ..store.keyspaces import visit_due
from ..support.inprocess import InProcessServer, Session
from ..support.wire import request

SCRIPT = "return redis.call('SET', 'k', 'w')"
Units = list[tuple[int, str]]


class Recorder(Sink):
    """Keeps what it is given, as text."""

    def __init__(self, takes_messages: bool = False) -> None:
        super().__init__(takes_messages)
        self.units: Units = []
        self.losses = 0

    def note(self, index: int, requests: list[list[bytes]]) -> None:
        """Keep a unit."""
        self.units.append((index, "; ".join(b" ".join(request).decode() for request in requests)))

    def lose(self) -> None:
        """Count what is not told."""
        self.losses += 1

    def take(self) -> Units:
        """The units since the last call."""
        units, self.units = self.units, []
        return units


@pytest.fixture
def server() -> InProcessServer:
    """A server."""
    return InProcessServer()


@pytest.fixture
def sink(server: InProcessServer) -> Recorder:
    """A sink of the server's effects."""
    recorder = Recorder()
    server.engine.add_sink(recorder)
    return recorder


@pytest.fixture
def session(server: InProcessServer) -> Session:
    """A client of the server."""
    return server.session()


def run(session: Session, script: str) -> None:
    """Run requests, a line each."""
    for line in script.strip().splitlines():
        session.do(*line.split())


def test_a_command_that_changed_something_is_noted(session: Session, sink: Recorder) -> None:
    """Its own request is its effect; what changed nothing, failed or only read has none."""
    run(session, "SET k v\nGET k\nSETNX k w\nINCR k\nHDEL h f\nSADD s a\nSADD s a")
    assert sink.take() == [(0, "SET k v"), (0, "SADD s a")]


def test_transactions_are_one_unit(session: Session, sink: Recorder) -> None:
    """EXEC hands over the effects of its commands together; a queue that changed nothing, nothing."""
    run(session, "MULTI\nSET a 1\nGET a\nINCR a\nEXEC\nMULTI\nGET a\nEXEC")
    assert sink.take() == [(0, "SET a 1; INCR a")]
    assert in_transaction([[b"A"]]) == [[b"A"]]
    assert in_transaction([[b"A"], [b"B"]]) == [[b"MULTI"], [b"A"], [b"B"], [b"EXEC"]]


def test_scripts_are_one_unit(session: Session, sink: Recorder) -> None:
    """Of a script its commands are noted, those before an error too."""
    session.do("EVAL", "redis.call('SET', 'a', 1) redis.call('INCRBYFLOAT', 'a', 1) error('x')", "0")
    assert sink.take() == [(0, "SET a 1; SET a 2 KEEPTTL")]


class Failing(Listener):
    """Raises what nobody expects."""

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """A key was changed."""
        raise RuntimeError


class Silent:
    """A log that keeps nothing."""

    def error(self, event: str, **fields: object) -> None:
        """A command has failed."""


def test_a_change_that_no_request_repeats_is_missed(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """Sinks are told so where a command failed by a defect when it had changed something, and only then."""
    server.state.log = Silent()
    server.state.changes.listen(Failing(), HOST_RANK)
    assert session.do("GET", "k") == b"$-1\r\n"
    assert session.do("LPUSH", "k") == b"-ERR wrong number of arguments for 'lpush' command\r\n"
    assert sink.losses == 0
    for count, words in enumerate((("SET", "k", "v"), ("DEL", "k"), ("RPUSH", "k", "v"), ("EVAL", SCRIPT, "0")), 1):
        assert session.do(*words).startswith(b"-ERR"), words
        assert (sink.take(), sink.losses) == ([], count), words


def test_units_begin_and_end_in_their_database(session: Session, sink: Recorder) -> None:
    """A unit has the number of its database, and SELECTs where it changes on the way."""
    run(session, "SELECT 1\nSET a 1\nMULTI\nSET b 1\nSELECT 0\nSET c 1\nEXEC\nSET d 1")
    assert sink.take() == [(1, "SET a 1"), (1, "SET b 1; SELECT 0; SET c 1; SELECT 1"), (0, "SET d 1")]


def test_expired_keys_go_before_who_met_them(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """A key that is due is deleted at once: by a read alone, by a write before its own effect."""
    run(session, "SET a 1 PX 5\nSET b 1 PX 5")
    sink.take()
    server.clock.now_ms += 10
    run(session, "GET a\nAPPEND b x")
    assert sink.take() == [(0, "DEL a"), (0, "DEL b; APPEND b x")]


def test_the_worker_deletes(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """What the batch worker removes are units of their own: keys, and fields of hashes."""
    run(session, "SET a 1 PX 5\nHSET h f 1 g 1 i 1\nHPEXPIRE h 7 FIELDS 2 f g")
    sink.take()
    server.clock.now_ms += 10
    visit_due(server.state.databases.get(0))
    assert sink.take() == [(0, "DEL a"), (0, "HDEL h f g")]


def test_due_fields_go_before_they_are_written(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """A field that is due is deleted before a command gives it a value."""
    run(session, "HSET h f 1 g 1\nHPEXPIRE h 5 FIELDS 1 f")
    sink.take()
    server.clock.now_ms += 10
    run(session, "HINCRBY h f 5")
    assert sink.take() == [(0, "HDEL h f; HINCRBY h f 5")]


def test_evicted_keys_go_before_the_command(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """What made room for a command is told before it, in a unit of its own."""
    session.do("SET", "large", "x" * 1_000_000)
    server.config.set_many([(b"maxmemory-policy", b"allkeys-random"), (b"maxmemory", b"500000")])
    while server.state.memory_limit.step() is False:
        pass
    session.do("SET", "a", "1")
    assert sink.take()[1:] == [(0, "DEL large"), (0, "SET a 1")]


def test_who_waited_is_a_unit_of_its_own(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """What serves a client that waits follows what woke it; one that waits in vain leaves nothing."""
    waiter = server.session()
    waiter.do("BLPOP", "l", "0")
    session.do("RPUSH", "l", "a", "b")
    waiter.do("BRPOP", "nothing", "0")
    server.engine.time_out(waiter.client)
    assert sink.take() == [(0, "RPUSH l a b"), (0, "LPOP l")]


def test_messages_are_for_those_who_pass_them_on(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """PUBLISH goes to the sinks that take messages alone."""
    passing_on = Recorder(takes_messages=True)
    server.engine.add_sink(passing_on)
    run(session, "PUBLISH c m\nMULTI\nPUBLISH c m\nSET a 1\nEXEC")
    assert sink.take() == [(0, "SET a 1")]
    assert passing_on.take() == [(0, "PUBLISH c m"), (0, "PUBLISH c m; SET a 1")]


def test_functions_are_noted(session: Session, sink: Recorder) -> None:
    """Libraries belong to the data."""
    session.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)")
    session.do("FUNCTION", "LOAD", "no library")
    run(session, "FUNCTION FLUSH\nSCRIPT FLUSH")
    assert [text.split()[:2] for _, text in sink.take()] == [["FUNCTION", "LOAD"], ["FUNCTION", "FLUSH"]]


def test_a_sink_that_left_gets_nothing(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """Without sinks nothing is noted any more."""
    server.engine.remove_sink(sink)
    run(session, "SET a 1 PX 5")
    server.clock.now_ms += 10
    run(session, "GET a")
    assert sink.take() == []


def test_a_stream_is_what_a_connection_would_send(server: InProcessServer, session: Session) -> None:
    """Arrays of bulk strings, SELECT where the database changes and at each beginning, transactions."""
    stream = EffectStream()
    server.engine.add_sink(stream)
    run(session, "SET a 1\nSET b 2\nSELECT 3\nSET c 3\nMULTI\nSET d 4\nSELECT 0\nDEL a\nEXEC\nSET e 5")
    session.do("SET", "f", "x" * 1000)
    expected = (
        "SELECT 0\nSET a 1\nSET b 2\nSELECT 3\nSET c 3\nMULTI\nSET d 4\nSELECT 0\nDEL a\nSELECT 3\nEXEC\n"
        f"SELECT 0\nSET e 5\nSET f {'x' * 1000}"
    )
    data = b"".join(request([word.encode() for word in line.split()]) for line in expected.splitlines())
    assert stream.noted == len(data)
    assert b"".join(stream.take()) == data
    assert stream.take() == []
    stream.selected = UNKNOWN_DATABASE
    run(session, "DEL e")
    assert b"".join(stream.take()) == request([b"SELECT", b"0"]) + request([b"DEL", b"e"])
    assert stream.noted == len(data) + len(request([b"SELECT", b"0"]) + request([b"DEL", b"e"]))


LARGE = [b"MSET", b"a", b"a" * 100_000, b"b", b"small", b"c", b"c" * 70_000, b"d", b"d" * 70_000]


def test_large_texts_are_not_copied() -> None:
    """They stand between what is before and behind them."""
    stream = EffectStream()
    for words in ([b"SET", b"k", b"v"], LARGE, [b"DEL", b"k"]):
        stream.note_one(0, words)
    assert stream.size == stream.noted
    pieces = stream.take()
    assert b"".join(pieces) == b"".join(map(request, ([b"SELECT", b"0"], [b"SET", b"k", b"v"], LARGE, [b"DEL", b"k"])))
    assert [piece for piece in pieces if len(piece) > 1000] == [LARGE[2], LARGE[6], LARGE[8]]
    assert all(any(piece is text for piece in pieces) for text in LARGE if len(text) > 1000)
    assert stream.size == 0


@pytest.mark.skipif(not IS_COMPILED, reason="uncompiled, every number is an allocation")
def test_without_memory_a_unit_is_noted_whole_or_not_at_all() -> None:
    """What was noted before stays, and what comes after begins anew."""
    testcapi = pytest.importorskip("_testcapi")
    losses = []

    class Stream(EffectStream):
        def lose(self) -> None:
            losses.append(number)

    unit = [[b"SET", b"x", b"y"], LARGE]
    for number in range(100):
        stream = Stream()
        stream.note_one(0, [b"SET", b"k", b"v"])
        stream.note_one(0, LARGE)
        before = stream.size
        testcapi.set_nomemory(number, number + 1)
        try:
            stream.note(0, unit)
        finally:
            testcapi.remove_mem_hooks()
        if losses[-1:] != [number]:
            break
        assert stream.size == before
        stream.note_one(0, [b"DEL", b"k"])
        expected = [[b"SELECT", b"0"], [b"SET", b"k", b"v"], LARGE, [b"SELECT", b"0"], [b"DEL", b"k"]]
        assert b"".join(stream.take()) == b"".join(map(request, expected))
    assert losses


def is_held(server: InProcessServer) -> bool:
    """Must what is sent in this turn wait?"""
    assert server.engine.effects is not None
    return bool(server.engine.effects.is_held)


def test_who_holds_replies_makes_the_turn_wait(server: InProcessServer, session: Session, sink: Recorder) -> None:
    """From the first effect on, and for no sink that does not ask for it."""
    run(session, "SET a 1")
    assert not is_held(server)
    sink.holds_replies = True
    run(session, "GET a")
    assert not is_held(server)
    run(session, "SET a 2")
    assert is_held(server)
