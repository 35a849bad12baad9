"""The stream of another server is carried out as it was there, and counted byte for byte."""

from __future__ import annotations

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geventcache.base.errors import CommandError, DefectError
from geventcache.commands import functions
from geventcache.engine.replay import Replay, StreamError

from ..support.inprocess import InProcessServer, Session
from .test_effects import Recorder

START = 1000


class Follower:
    """A server in process that carries out a stream."""

    def __init__(self) -> None:
        self.server = InProcessServer()
        self.server.state.changes.keeps_due = True
        self.passed = b""
        self.pieces: list[bytes] = []
        self.asked: list[int] = []
        self.failures: list[tuple[bytes, bytes]] = []
        client = self.server.state.new_client()
        self.replay = Replay(self.server.state, client, START, self.take, self.note_question, self.note_failure)
        self.session: Session = self.server.session()

    def take(self, pieces: list[bytes]) -> None:
        """Bytes were carried out."""
        self.passed += b"".join(pieces)
        self.pieces += pieces

    def note_question(self) -> None:
        """The other server asks."""
        self.asked.append(self.replay.position - START)

    def note_failure(self, name: bytes, error: CommandError) -> None:
        """A request has failed."""
        self.failures.append((name, error.text))

    def get(self, data: bytes) -> None:
        """Bytes have come."""
        self.replay.feed(data)
        while self.replay.waiting:
            self.replay.step()
        self.replay.check()


def stream(*requests: str) -> bytes:
    """Requests as a stream."""
    return b"".join(hiredis.pack_command(tuple(request.split())) for request in requests)


SOME = stream(
    "SELECT 3", "SET a 1", "MULTI", "INCR a", "APPEND b x", "EXEC", "PING", "RPUSH l 1 2 3", "SELECT 0", "SET c d"
)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(SOME)), max_size=6))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    """However the bytes come, the position is behind the last request that is done, and all bytes are passed on."""
    follower = Follower()
    at = 0
    for cut in [*sorted(cuts), len(SOME)]:
        follower.get(SOME[at:cut])
        at = cut
        assert follower.passed == SOME[: follower.replay.position - START]
    assert follower.passed == SOME
    assert follower.session.do("SELECT", "3") == b"+OK\r\n"
    assert follower.session.do("GET", "a") == b"$1\r\n2\r\n"


def test_limits_are_those_of_who_did_it_first() -> None:
    """What the other server let be as long as it is, is so here as well."""
    follower = Follower()
    follower.session.do("CONFIG", "SET", "proto-max-bulk-len", "1mb")
    place = 2 << 20
    requests = [f"SETRANGE a {place} x", f"SETBIT b {8 * place} 1", f"BITFIELD c SET u8 #{place} 1"]
    for request in requests:
        assert follower.session.do(*request.split()).startswith(b"-ERR")
    follower.get(stream(*requests, f"APPEND a {'y' * 70}"))
    assert follower.failures == []
    assert [follower.session.do("STRLEN", key) for key in "abc"] == [b":%d\r\n" % (place + n) for n in (71, 1, 1)]


def test_a_library_that_was_loaded_is_loaded_however_long_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who loads it for the first time must not wait for long: here, and where a snapshot has it."""
    monkeypatch.setattr(functions, "LOAD_LIMIT_MS", 1)
    code = b"#!lua name=l\nfor i = 1, 1e7 do end redis.register_function('f', function() return 1 end)"
    follower = Follower()
    assert follower.session.do("FUNCTION", "LOAD", code).startswith(b"-ERR")
    follower.get(hiredis.pack_command(("FUNCTION", "LOAD", code)))
    assert follower.failures == []
    assert follower.session.do("FCALL", "f", "0") == b":1\r\n"
    assert follower.server.state.snapshots.library_of(code).functions


def test_large_values_are_passed_on_as_they_came() -> None:
    """The bytes of a large value are not copied for whatever follows this server."""
    follower = Follower()
    blocks = [stream("SET a 1") + b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$300000\r\n", *[b"x" * 100_000] * 3, b"\r\n"]
    for block in blocks:
        follower.get(block)
    assert follower.passed == b"".join(blocks)
    assert sum(piece is blocks[1] for piece in follower.pieces) == 3


def test_a_transaction_is_carried_out_as_a_whole() -> None:
    """Before its end nothing of it is done, nor counted."""
    follower = Follower()
    begun = stream("MULTI", "SET a 1", "SET b 2")
    follower.get(stream("SET x 1") + begun)
    assert follower.replay.position == START + len(stream("SET x 1"))
    assert follower.session.do("EXISTS", "a", "b") == b":0\r\n"
    recorder = Recorder()
    follower.server.engine.add_sink(recorder)
    follower.get(stream("EXEC"))
    assert follower.session.do("EXISTS", "a", "b") == b":2\r\n"
    assert recorder.units == [(0, "SET a 1; SET b 2")]
    assert not follower.replay.unpassed


def test_a_question_is_answered_with_what_came_before_it() -> None:
    """Also in the middle of what comes."""
    follower = Follower()
    first = stream("SET a 1", "PING")
    follower.get(first + stream("REPLCONF GETACK *", "SET b 1"))
    assert follower.asked == [len(first)]
    assert follower.passed == first + stream("REPLCONF GETACK *", "SET b 1")


def test_nothing_is_over() -> None:
    """The other server decides: a key whose time has come here is there for its requests, and hidden from others."""
    follower = Follower()
    now_ms = follower.server.clock.now_ms
    follower.get(stream("SET k 1", f"PEXPIREAT k {now_ms - 5}", "INCR k", f"SET m 5 PXAT {now_ms - 5}", "INCR m"))
    follower.get(stream("HSET h f 1", f"HPEXPIREAT h {now_ms - 5} FIELDS 1 f", "HINCRBY h f 1"))
    assert follower.server.clock.now_ms == now_ms
    assert follower.session.do("GET", "k") == b"$-1\r\n"
    assert follower.session.do("DBSIZE") == b":3\r\n"
    assert follower.session.do("HGET", "h", "f") == b"$-1\r\n"
    assert follower.session.do("RANDOMKEY") == b"$1\r\nh\r\n"
    follower.get(stream("PERSIST k", "PERSIST m", "HPERSIST h FIELDS 1 f"))
    assert follower.session.do("MGET", "k", "m") == b"*2\r\n$1\r\n2\r\n$1\r\n6\r\n"
    assert follower.session.do("HGET", "h", "f") == b"$1\r\n2\r\n"
    assert not follower.failures


@pytest.mark.parametrize(
    ("request_text", "ttl_ms"),
    [
        ("SET k v EX 10", 10_000),
        ("set k v px 10", 10),
        ("SETEX k 10 v", 10_000),
        ("PSETEX k 10 v", 10),
        ("EXPIRE k 10", 10_000),
        ("pexpire k 10", 10),
        ("GETEX k EX 10", 10_000),
    ],
)
def test_times_that_count_from_now(request_text: str, ttl_ms: int) -> None:
    """Older servers send them: they count from when they come."""
    follower = Follower()
    follower.get(stream("SET k v", request_text))
    assert follower.session.do("PTTL", "k") == b":%d\r\n" % ttl_ms
    assert not follower.failures


def test_how_long_ago_something_was_is_told_by_the_real_time() -> None:
    """Consumers of streams, and uses of keys."""
    follower = Follower()
    follower.server.config.set(b"maxmemory-policy", b"allkeys-lru")
    now_ms = follower.server.clock.now_ms
    follower.get(
        stream("XADD s 1-1 f v", "XGROUP CREATE s g 0", f"XCLAIM s g c 0 1-1 TIME {now_ms - 7} RETRYCOUNT 3 FORCE")
    )
    assert b"$4\r\nidle\r\n:0\r\n" in follower.session.do("XINFO", "CONSUMERS", "s", "g")
    assert b":7\r\n:3\r\n" in follower.session.do("XPENDING", "s", "g", "-", "+", "1")
    assert follower.session.do("OBJECT", "IDLETIME", "s") == b":0\r\n"


def test_what_fails_is_told_and_the_rest_goes_on() -> None:
    """A command that is not known, or that has the wrong arguments, or finds something else than there."""
    follower = Follower()
    follower.get(stream("NOSUCH a", "SET a", "SET a 1", "RPUSH a 1", "SET b 1"))
    assert [name for name, _ in follower.failures] == [b"NOSUCH", b"SET", b"rpush"]
    assert follower.session.do("EXISTS", "a", "b") == b":2\r\n"
    assert not follower.replay.unpassed


def test_what_is_not_carried_out_for_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on as if it had been, and it does not count."""

    def fail(*args: object) -> None:
        raise MemoryError

    follower = Follower()
    monkeypatch.setattr(functions, "read_library", fail)
    monkeypatch.setattr(follower.server.state, "on_defect", lambda error, name: b"OOM")
    with pytest.raises(DefectError):
        follower.get(stream("SET a 1", "FUNCTION LOAD a", "SET b 1"))
    assert follower.passed == stream("SET a 1")
    assert follower.session.do("EXISTS", "b") == b":0\r\n"


def test_a_database_that_is_not_here() -> None:
    """Nothing of it may go elsewhere."""
    follower = Follower()
    with pytest.raises(StreamError, match="databases"):
        follower.get(stream("SET a 1", "SELECT 16", "SET b 1"))
    assert follower.passed == stream("SET a 1")
    assert follower.session.do("EXISTS", "b") == b":0\r\n"


def test_what_is_no_stream() -> None:
    """Ends it."""
    follower = Follower()
    with pytest.raises(StreamError, match="protocol error"):
        follower.get(stream("SET a 1") + b"*1\r\n:5\r\n")
    assert follower.passed == stream("SET a 1")
