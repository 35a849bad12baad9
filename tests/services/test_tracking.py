"""Client-side caching without sockets: what is remembered, what is told to whom, and what is left behind."""

from __future__ import annotations

import pytest

from ..support.inprocess import InProcessServer, Session

X_IS_OLD = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nx\r\n"
ALL_IS_OLD = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


class House:
    """A server, a client that caches, and another one."""

    def __init__(self) -> None:
        self.server = InProcessServer()
        self.cache = self.server.session(resp3=True)
        self.other = self.server.session()
        self.tracking = self.server.state.tracking

    def end_turn(self) -> None:
        """Do the chores of the turn."""
        chores = self.server.state.chores
        while chores:
            chores.pop(0)()

    def told(self, session: Session | None = None) -> list[bytes]:
        """What was pushed since the last time."""
        self.end_turn()
        return (session or self.cache).messages()


@pytest.fixture
def house() -> House:
    """A house in which nobody tracks yet."""
    return House()


@pytest.mark.parametrize(
    "change",
    ["SET x 2", "DEL x", "EXPIRE x 100", "RENAME y x", "RENAME x z", "APPEND x a", "COPY y x REPLACE", "MSET x 1 z 2"],
)
def test_a_change_of_what_was_read_is_told_once(house: House, change: str) -> None:
    """Every kind of change is told to a client that has read the key, and once until it is read again."""
    house.other.do("MSET", "x", "1", "y", "2")
    house.cache.do("CLIENT", "TRACKING", "on")
    house.cache.do("GET", "x")
    house.other.do(*change.split())
    assert house.told() == [X_IS_OLD]
    house.other.do("SET", "x", "3")
    assert house.told() == []


def test_an_expiry_on_time_is_told(house: House) -> None:
    """A key that is removed because its time has come was changed."""
    house.other.do("SET", "x", "1", "PX", "10")
    house.cache.do("CLIENT", "TRACKING", "on")
    house.cache.do("GET", "x")
    house.server.clock.advance(20)
    assert house.other.do("GET", "x") == b"$-1\r\n"
    assert house.told() == [X_IS_OLD]


@pytest.mark.parametrize("flush", ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1"])
def test_a_flush_makes_everything_old(house: House, flush: str) -> None:
    """An emptied database is told in one message without keys, by the command that emptied several as well."""
    house.cache.do("CLIENT", "TRACKING", "on")
    for index in ("1", "0"):
        house.other.do("SELECT", index)
        house.other.do("SET", "x", "1")
    house.cache.do("GET", "x")
    house.other.do(*flush.split())
    assert house.told() == [ALL_IS_OLD]
    assert not house.tracking.table


def test_a_script_reads_for_its_caller(house: House) -> None:
    """What a script reads is remembered for the client that called it."""
    house.cache.do("CLIENT", "TRACKING", "on")
    house.cache.do("EVAL", "return redis.call('get','x')", "0")
    house.other.do("SET", "x", "1")
    assert house.told() == [X_IS_OLD]


def test_prefixes_are_told_at_the_end_of_the_turn(house: House) -> None:
    """A broadcast has all keys of a prefix that were changed in a turn, each once."""
    house.cache.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "u:")
    for key in ("u:2", "x", "u:1", "u:2"):
        house.other.do("SET", key, "1")
    assert house.told() == [b">2\r\n$10\r\ninvalidate\r\n*2\r\n$3\r\nu:1\r\n$3\r\nu:2\r\n"]


def test_the_table_is_bounded(house: House) -> None:
    """Beyond tracking-table-max-keys the oldest key is forgotten, and told as if it had changed."""
    house.server.config.set(b"tracking-table-max-keys", b"2")
    house.cache.do("CLIENT", "TRACKING", "on")
    house.cache.do("GET", "x")
    house.cache.do("MGET", "y", "z")
    assert list(house.tracking.table) == [b"y", b"z"]


def test_nothing_is_left_behind(house: House) -> None:
    """With the last client that tracks go the listener and all that was remembered."""
    changes = house.server.state.changes
    before = tuple(changes.listeners)
    other = house.server.session(resp3=True)
    house.cache.do("CLIENT", "TRACKING", "on")
    other.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "a", "PREFIX", "b")
    house.cache.do("GET", "x")
    assert house.tracking in changes.listeners
    house.server.state.leave(other.client)
    assert house.tracking.by_prefix == {}
    house.cache.do("RESET")
    assert tuple(changes.listeners) == before
    assert (house.tracking.table, house.cache.client.is_special) == ({}, False)


def test_a_lost_redirection_is_told(house: House) -> None:
    """When the client that gets the messages has gone, a RESP3 client hears of that instead."""
    house.cache.do("CLIENT", "TRACKING", "on", "REDIRECT", str(house.other.client.id))
    house.cache.do("GET", "x")
    house.server.state.leave(house.other.client)
    house.server.session().do("SET", "x", "1")
    assert house.told() == [b">2\r\n$21\r\ntracking-redir-broken\r\n:%d\r\n" % house.other.client.id]
