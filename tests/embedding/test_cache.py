"""The cache without a socket."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from geventcache import Cache, ResponseError
from geventcache.base.clock import ManualClock
from geventcache.server import app


class Movable(Cache):
    """A cache on a clock that the test moves."""

    def __init__(self, **options: object) -> None:
        self.by_hand = ManualClock()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "Clock", lambda: self.by_hand)
            super().__init__(**options)


@pytest.fixture
def cache() -> Iterator[Movable]:
    """An open cache."""
    with Movable() as opened:
        yield opened


def test_strings(cache: Cache) -> None:
    """Keys and values may be bytes, text and numbers; bytes come back."""
    assert cache.set("text", "\u00e9")
    assert cache.set(bytearray(b"b"), memoryview(b"\x00\xff"))
    assert cache.set(7, 1.5)
    assert cache.mget(b"text", b"b", b"7", "none") == ["\u00e9".encode(), b"\x00\xff", b"1.5", None]
    cache.mset({"a": 1, b"c": b"2"})
    assert cache.get("a") == b"1"
    assert cache.incr("a") == 2
    assert cache.incr("a", -5) == -3
    assert len(cache) == 5
    assert "c" in cache
    assert cache.exists("a", "c", "none") == 2
    assert cache.delete("a", "none") == 1
    cache.clear()
    assert len(cache) == 0


def test_conditions_of_set(cache: Cache) -> None:
    """With nx only what is new is stored, with xx only what is there."""
    assert not cache.set("k", "v", xx=True)
    assert cache.set("k", "v", nx=True)
    assert not cache.set("k", "w", nx=True)
    assert cache.get("k") == b"v"


def test_hashes(cache: Cache) -> None:
    """Fields come and go."""
    assert cache.hset("h", {"a": 1, "b": 2}) == 2
    assert cache.hget("h", "a") == b"1"
    assert cache.hget("h", "none") is None
    assert cache.hgetall("h") == {b"a": b"1", b"b": b"2"}
    assert cache.hdel("h", "a", "b") == 2
    assert cache.hgetall("h") == {}


def test_calls_with_nothing_do_nothing(cache: Cache) -> None:
    """No keys, no values: no error."""
    assert cache.mget() == []
    assert cache.delete() == cache.exists() == cache.hset("h", {}) == cache.hdel("h") == 0
    cache.mset({})
    assert len(cache) == 0


def test_deadlines(cache: Movable) -> None:
    """A key is gone when its seconds are over."""
    cache.set("k", "v", ttl=1.5)
    cache.set("for ever", "v")
    assert cache.ttl("k") == 1.5
    assert cache.ttl("for ever") == math.inf
    assert cache.ttl("none") is None
    assert cache.expire("k", 3)
    assert not cache.expire("none", 3)
    assert cache.ttl("k") == 3
    cache.by_hand.advance(3000)
    assert cache.get("k") is None
    cache.set("kept", "v", ttl=1)
    assert cache.persist("kept")
    assert not cache.persist("kept")


def test_calls_expire_keys_where_no_hub_runs() -> None:
    """Without the hub's timers, calls remove what is due, a batch each, and tell of it."""
    told: list[list[bytes]] = []
    with Movable(on_expired=told.append, expire_batch_size=10) as cache:
        for number in range(25):
            cache.set(number, "v", ttl=0.001)
        cache.by_hand.advance(2)
        sizes = [len(cache) for _ in range(3)]
        assert sizes == [15, 5, 0]
        assert [len(keys) for keys in told] == [10, 10, 5]
        assert sorted(int(key) for keys in told for key in keys) == list(range(25))


def test_the_worker_expires_keys_where_a_hub_runs() -> None:
    """In a gevent program keys go without any call."""
    done = gevent.event.Event()
    told: list[list[bytes]] = []

    def on_expired(keys: list[bytes]) -> None:
        told.append(keys)
        done.set()

    with Cache(on_expired=on_expired) as cache:
        cache.set("k", "v", ttl=0.001)
        assert done.wait(10)
    assert told == [[b"k"]]


def test_a_callback_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The cache goes on, and the callback may use it."""

    def on_expired(keys: list[bytes]) -> None:
        cache.set("last", keys[0])
        raise LookupError("broken")

    with Movable(on_expired=on_expired) as cache:
        cache.set("k", "v", ttl=0.001)
        cache.by_hand.advance(1)
        assert cache.get("k") is None
        assert cache.get("last") == b"k"
    assert "hook_failed" in caplog.text
    assert "broken" in caplog.text


def test_any_command(cache: Cache) -> None:
    """`execute` gives RESP3's values, and a transaction its list, errors among it."""
    assert cache.execute("ZADD", "z", 1.5, "m") == 1
    assert cache.execute("zscore", "z", "m") == 1.5
    assert cache.execute("RPUSH", "l", 1, 2) == 2
    assert cache.execute("LRANGE", "l", 0, -1) == [b"1", b"2"]
    assert cache.execute("PING") == b"PONG"
    cache.execute("MULTI")
    assert cache.execute("INCR", "l") == b"QUEUED"
    (error,) = cache.execute("EXEC")
    assert isinstance(error, ResponseError)


def test_errors_are_redis_own(cache: Cache) -> None:
    """What a command refuses is raised, with the text that a client gets."""
    cache.set("k", "text")
    with pytest.raises(ResponseError, match=r"^ERR value is not an integer or out of range$"):
        cache.incr("k")
    with pytest.raises(ResponseError, match=r"^ERR unknown command 'NOPE'"):
        cache.execute("NOPE")
    with pytest.raises(ResponseError, match=r"^ERR wrong number of arguments"):
        cache.execute("GET")
    assert cache.get("k") == b"text"


@pytest.mark.parametrize("request_", [(), ("GET", None), ("GET", True), ("SET", "k", ["v"])])
def test_what_is_no_data_is_a_type_error(cache: Cache, request_: tuple[object, ...]) -> None:
    """None, booleans and containers are not stored as their text by accident."""
    with pytest.raises(TypeError):
        cache.execute(*request_)


def test_what_would_block_answers_at_once(cache: Cache) -> None:
    """A blocking command gives what it gives when its time is over; the cache goes on."""
    assert cache.execute("BLPOP", "q", 0) is None
    assert cache.execute("WAIT", 0, 0) == 0
    cache.execute("RPUSH", "q", "x")
    assert cache.execute("BLPOP", "q", 0) == [b"q", b"x"]


def test_subscriptions_are_answered_and_keep_nothing(cache: Cache) -> None:
    """Several replies to one command do not disturb the next; messages are dropped."""
    cache.execute("SUBSCRIBE", "a", "b")
    assert cache.execute("PUBLISH", "a", "m") == 1
    assert cache.execute("PING") == b"PONG"


def test_a_paused_cache_refuses(cache: Movable) -> None:
    """What a pause holds back was not run, and says so."""
    cache.execute("CLIENT", "PAUSE", 1000)
    with pytest.raises(ResponseError, match="paused"):
        cache.set("k", "v")
    cache.by_hand.advance(1000)
    assert cache.get("k") is None


def test_a_call_lets_no_greenlet_in(cache: Cache) -> None:
    """Whatever a call does, a greenlet that is ready waits until it is over."""
    turns: list[str] = []
    other = gevent.spawn(turns.append, "other")
    for number in range(100):
        cache.set(number, "v", ttl=0.001)
        cache.execute("EVAL", "for i = 1, 1000 do redis.call('PING') end", 0)
    assert turns == []
    other.join()
    assert turns == ["other"]


def test_close_leaves_nothing() -> None:
    """No greenlet, no thread, no key is left; closing twice is harmless; calls afterwards are errors."""
    before = threading.active_count()
    cache = Cache()
    cache.set("k", "v", ttl=100)
    state = cache._state
    cache.close()
    cache.close()
    gevent.sleep(0)
    gc.collect()
    assert threading.active_count() == before
    assert not [one for one in gc.get_objects() if isinstance(one, gevent.Greenlet) and one]
    assert sum(len(keyspace) for keyspace in state.databases.existing()) == 0
    with pytest.raises(RuntimeError, match="closed"):
        cache.get("k")


def test_another_thread_is_refused(cache: Cache) -> None:
    """The cache takes no lock: a call from another thread raises instead of doing damage."""
    errors: list[BaseException] = []

    def call() -> None:
        try:
            cache.get("k")
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "thread" in str(errors[0])


def test_what_a_cache_saved_is_there_in_the_next_one(tmp_path: Path) -> None:
    """At its end if there are points to save at, or by a command, which does it at once."""
    folder = str(tmp_path)
    with Cache(dir=folder) as cache:
        assert cache.get("k") is None
        cache.set("k", "saved")
        assert cache.execute("BGSAVE") == b"Background saving started"
        cache.set("k", "lost")
    with Cache(dir=folder, save="3600 1") as cache:
        assert cache.get("k") == b"saved"
        cache.execute("MULTI")
        cache.set("k", "first")
        cache.execute("BGSAVE")
        cache.set("k", "second")
        cache.execute("EXEC")
        assert "rdb_saves:1" in cache.execute("INFO", "persistence").decode()
        cache.set("k", "last")
    with Cache(dir=folder) as cache:
        assert cache.get("k") == b"last"
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0010 and no more")
    with pytest.raises(OSError, match="at byte"):
        Cache(dir=folder)
