"""Who waits for a key, and what is left when nobody does."""

from __future__ import annotations

from typing import Any

from geventcache.base.clock import Clock
from geventcache.services.listeners.waiters import Wait, Waiters
from geventcache.store.databases import Databases


class Guest:
    """As much of a client as waiting needs."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.blocked: Any = None

    def hold(self) -> None:
        """A client finds out whether it may go on."""


def opened() -> tuple[Databases, Waiters]:
    """Databases and those who wait for their keys."""
    databases = Databases(2, Clock())
    return databases, Waiters(databases.changes)


def test_nothing_is_left() -> None:
    """When the last client has left, no key is known and no change is listened to."""
    databases, waiters = opened()
    guest = Guest(databases.get(0))
    waiters.park(guest, Wait((b"a", b"b", b"a"), 0, wakes_without_key=True))
    databases.get(0).put(b"a", b"v", b"set")
    assert list(waiters.ready) == [(databases.get(0), b"a")]
    waiters.release(guest)
    waiters.release(guest)
    assert (waiters.by_key, waiters.ready, len(waiters), waiters.keyless) == ({}, {}, 0, 0)
    assert databases.changes.listeners == ()


def test_only_awaited_keys_become_ready() -> None:
    """A change makes a key ready if somebody waits for it in that very database."""
    databases, waiters = opened()
    waiters.park(Guest(databases.get(0)), Wait((b"a",), 0))
    databases.get(0).put(b"b", b"v", b"set")
    databases.get(1).put(b"a", b"v", b"set")
    assert not waiters.ready
    databases.get(0).swap(databases.get(1))
    assert list(waiters.ready) == [(databases.get(0), b"a")]


def test_order() -> None:
    """Clients stand in the order of their coming; one that was tried in vain stands behind the others."""
    databases, waiters = opened()
    db = databases.get(0)
    first, second, third = Guest(db), Guest(db), Guest(db)
    for guest in (first, second, third):
        waiters.park(guest, Wait((b"a",), 0))
    assert waiters.at((db, b"a")) == [first, second, third]
    waiters.requeue(first)
    assert waiters.at((db, b"a")) == [second, third, first]
    assert waiters.at((db, b"other")) == []
