"""Keyspace notifications without sockets: who is told of what, in which order, and what they cost when nobody asks."""

from __future__ import annotations

import pytest

from geventcache.base.histogram import Histogram
from geventcache.services.listeners.notify import EVENTS

from ..support.inprocess import InProcessServer, Session

USUAL = b"g$lshzxetd"


def listener(server: InProcessServer, setting: bytes) -> Session:
    """Ask for events and for all their messages."""
    server.config.set(b"notify-keyspace-events", setting)
    session = server.session()
    session.do("PSUBSCRIBE", "__key*")
    return session


def told(session: Session) -> list[tuple[bytes, bytes]]:
    """The channels and messages that a listener got."""
    return [tuple(message.split(b"\r\n")[6:9:2]) for message in session.messages()]  # type: ignore[misc]


def test_key_hears_before_event() -> None:
    """With both kinds of channels the key's channel comes first, each with what the other one names."""
    server = InProcessServer()
    session = listener(server, b"KEA")
    server.session().do("SET", "k", "v")
    assert told(session) == [(b"__keyspace@0__:k", b"set"), (b"__keyevent@0__:set", b"k")]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (b"K$", [b"__keyspace@0__:k"]),
        (b"E$", [b"__keyevent@0__:set"]),
        (b"KEg", []),
        (b"$", []),
        (b"KE", []),
        (b"En$", [b"__keyevent@0__:new", b"__keyevent@0__:set"]),
        (b"Em", [b"__keyevent@0__:keymiss"]),
        (b"EA", [b"__keyevent@0__:set"]),
    ],
)
def test_classes_choose(setting: bytes, expected: list[bytes]) -> None:
    """Only events of the wanted classes are published, only to the wanted channels; `A` has neither `n` nor `m`."""
    server = InProcessServer()
    session = listener(server, setting)
    other = server.session()
    other.do("GET", "k")
    other.do("SET", "k", "v")
    assert [channel for channel, _ in told(session)] == expected


def test_unwanted_notifications_do_not_listen() -> None:
    """Without a class, or without a channel, changes are not listened to at all."""
    server = InProcessServer()
    for setting, is_observed in ((b"", False), (b"A", False), (b"KE", False), (b"Kx", True), (b"", False)):
        server.config.set(b"notify-keyspace-events", setting)
        assert server.state.databases.get(0).observed == is_observed, setting


def test_every_class_is_known() -> None:
    """Each class letter but that of modules has events."""
    assert set(EVENTS.values()) == set((USUAL + b"nm").decode()) - {"d"}


def test_expired_is_told_once() -> None:
    """A key that a reader and the batch worker both find due is announced once."""
    server = InProcessServer()
    session = listener(server, b"Ex")
    keyspace = server.state.databases.get(0)
    for key in (b"a", b"b"):
        keyspace.put_until(key, b"v", server.clock.now_ms + 10, b"set")
    server.clock.advance(10)
    assert server.session().do("GET", "a") == b"$-1\r\n"
    time_ms, keys = keyspace.deadlines.pop_due(server.clock.now_ms)
    keyspace.visit(keys, 0, len(keys), time_ms, Histogram())
    assert told(session) == [(b"__keyevent@0__:expired", b"a"), (b"__keyevent@0__:expired", b"b")]


def test_database_is_named() -> None:
    """The number of the database is in the channel, that of the connection does not matter."""
    server = InProcessServer()
    session = listener(server, b"EA")
    other = server.session()
    other.client.db = server.state.databases.get(9)
    other.do("SET", "k", "v")
    assert told(session) == [(b"__keyevent@9__:set", b"k")]
