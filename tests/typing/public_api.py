"""What a type checker infers of the public names, since the package ships `py.typed`: `mypy` fails where it changes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from typing_extensions import assert_type

import geventcache
from geventcache import Cache, ResponseError, Server
from geventcache.extension import Context, Database, ExpiredKey, command, with_values
from geventcache.gunicorn import hooks


def use_server() -> None:
    """A server is a context, and tells where it listens."""
    with Server(maxmemory="64mb") as server:
        assert_type(server, Server)
        assert_type(server.port, int)
        assert_type(server.address, tuple[str, int] | str)
        assert_type(server.addresses, list[tuple[str, int] | str])
        assert_type(server.url, str)
    assert_type(Server(thread=True, clock="manual").start(), Server)


def steer(server: Server, cache: Cache) -> None:
    """Both have a time that can be moved."""
    for one in (server, cache):
        one.advance(1.5)
        one.advance(minutes=1, hours=2, days=3)
        one.clock.set(datetime(2030, 1, 1, tzinfo=timezone.utc))
        one.clock.set(1e9)
        one.clock.freeze()
        one.clock.resume()
        assert_type(one.clock.time(), float)
        assert_type(one.faults.fail("GET", "LOADING", times=3, probability=0.5, seed=1, key="k*"), int)
        assert_type(one.faults.close("GET", "before", user="ann", client="worker-*"), int)
        assert_type(one.faults.delay("GET", 0.1), int)
        assert_type(one.faults.drop("GET"), int)
        assert_type(one.faults.refuse(times=1), int)
        assert_type(one.faults.hits(), dict[int, int])
        one.faults.clear(1)
    Server(clock="sundial")  # type: ignore[arg-type]


def use_cache(cache: Cache) -> None:
    """Keys and values go in as bytes or text, and come out as bytes."""
    assert_type(cache.get("key"), bytes | None)
    assert_type(cache.set(b"key", "value", ttl=1.5, nx=True), bool)
    assert_type(cache.delete("key", b"other"), int)
    assert_type(cache.exists("key"), int)
    assert_type(cache.expire("key", 1.5), bool)
    assert_type(cache.persist("key"), bool)
    assert_type(cache.ttl("key"), float | None)
    assert_type(cache.incr("key"), int)
    assert_type(cache.mget("key", "other"), list[bytes | None])
    assert_type(cache.hget("key", "field"), bytes | None)
    assert_type(cache.hset("key", {"field": "value"}), int)
    assert_type(cache.hgetall("key"), dict[bytes, bytes])
    assert_type(cache.hdel("key", "field"), int)
    assert_type(cache.execute("PING"), Any)
    assert_type(len(cache), int)
    assert_type("key" in cache, bool)
    cache.get(None)  # type: ignore[arg-type]


def hear_expired(keys: list[bytes]) -> None:
    """What `on_expired` is called with."""


@command("CART.TOTAL", keys=1, readonly=True)
def total(ctx: Context, key: bytes) -> float:
    """A command of one's own."""
    assert_type(ctx.db, Database)
    assert_type(ctx.user, str)
    assert_type(ctx.time(), float)
    assert_type(ctx.call("HGETALL", key), Any)
    return 1.5


@with_values(100)
def hear_values(keys: list[ExpiredKey]) -> None:
    """What `on_expired` can be called with."""
    assert_type(keys[0].value, bytes | None)
    assert_type(keys[0].db, Database)


@with_values
def hear_more_values(keys: list[ExpiredKey]) -> None:
    """The same, up to 1 KB."""


def hear_event(event: str, key: bytes, db: Database) -> None:
    """What `on_key_event` is called with."""
    assert_type(db.call("INCR", key, 1), Any)


def extend(cache: Cache) -> None:
    """Servers and caches take them."""
    Server(on_expired=hear_values, on_key_event=hear_event, commands=[total])
    Cache(on_expired=hear_more_values, on_key_event=hear_event, commands=[total])
    assert_type(total(Context.__new__(Context), b"key"), float)

    @cache.command("CART.COUNT", keys=1)
    def count(ctx: Context, key: bytes) -> int:
        return 1

    assert_type(count(Context.__new__(Context), b"key"), int)


def make_cache() -> None:
    """A cache is a context, and an error reply an exception."""
    with Cache(on_expired=hear_expired, maxmemory="1mb") as cache:
        assert_type(cache, Cache)
    assert_type(ResponseError("text"), ResponseError)
    assert_type(geventcache.__version__, str)


def test_with_fixture(geventcache: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture is a `Server`."""
    monkeypatch.setenv("REDIS_URL", geventcache.url)


on_starting, on_exit = hooks(maxmemory="1gb")
