"""Watched keys: EXEC refuses when one of them was changed since WATCH.

Every announced change of a watched key makes its watchers dirty; what changes nothing is not announced. Whether a key
exists is noted when it is watched, and stays true until a change makes the client dirty: so FLUSHALL and SWAPDB, which
tell of databases and not of keys, know whom they concern. `Watch` listens to changes only while anybody watches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from geventcache.store.changes import WATCH_RANK, Listener
from geventcache.store.keyspace import Keyspace


class Watch(Listener):
    """All watched keys of a server.

    Attributes:
        by_keyspace: for each database the watched keys, for each key the watching clients and whether the key existed.
        clients: who watches, as the keys of a dict.
    """

    def __init__(self, changes: Any) -> None:
        self.changes = changes
        self.by_keyspace: dict[Keyspace, dict[bytes, dict[Any, bool]]] = {}
        self.clients: dict[Any, None] = {}

    def __len__(self) -> int:
        """How many keys are watched."""
        return sum(map(len, self.by_keyspace.values()))

    def add(self, client: Any, keys: Iterable[bytes]) -> None:
        """A client watches keys of its database from now on."""
        if not self.clients:
            self.changes.listen(self, WATCH_RANK)
        self.clients[client] = None
        if client.watched is None:
            client.watched = {}
        keyspace = client.db
        for key in keys:
            if (keyspace, key) not in client.watched:
                is_there = keyspace.find(key) is not None
                client.watched[keyspace, key] = None
                self.by_keyspace.setdefault(keyspace, {}).setdefault(key, {})[client] = is_there

    def forget(self, client: Any) -> None:
        """A client watches nothing any more."""
        client.is_dirty = False
        if client.watched is None:
            return
        for keyspace, key in client.watched:
            self.remove(client, keyspace, key)
        client.watched = None
        del self.clients[client]
        if not self.clients:
            self.changes.ignore(self)

    def remove(self, client: Any, keyspace: Keyspace, key: bytes) -> None:
        """Take one key of one client out."""
        keys = self.by_keyspace[keyspace]
        watchers = keys[key]
        del watchers[client]
        if not watchers:
            del keys[key]
            if not keys:
                del self.by_keyspace[keyspace]

    def is_dirty(self, client: Any) -> bool:
        """True if a key of the client was changed. One whose time has come counts, removed or not."""
        for keyspace, key in client.watched or ():
            keyspace.find(key)
        return bool(client.is_dirty)

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """A key was changed."""
        keys = self.by_keyspace.get(keyspace)
        if keys is not None and key in keys:
            for client in keys[key]:
                client.is_dirty = True

    def doubt(self) -> None:
        """Changes may have been missed: no transaction relies on what was watched."""
        for client in self.clients:
            client.is_dirty = True

    def flushed(self, keyspace: Keyspace) -> None:
        """All keys of a database are gone."""
        for watchers in self.by_keyspace.get(keyspace, {}).values():
            mark_where(watchers, False)

    def swapped(self, one: Keyspace, other: Keyspace) -> None:
        """Keys that were there, or are now, are others than before."""
        for keyspace in (one, other):
            for key, watchers in list(self.by_keyspace.get(keyspace, {}).items()):
                mark_where(watchers, keyspace.find(key) is not None)


def mark_where(watchers: dict[Any, bool], is_there: bool) -> None:
    """Make those watchers of a key dirty for whom it was there, or is now."""
    for client, was_there in watchers.items():
        if was_there or is_there:
            client.is_dirty = True
