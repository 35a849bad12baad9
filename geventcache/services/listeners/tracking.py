"""Client-side caching: which clients keep copies of which keys, and the messages that these are out of date.

- In the default mode the keys that a client reads are remembered, and a change of one is told to it once. In the
  broadcasting mode a client names prefixes, and hears of every change of a key that begins with one of them.
- A key is its name alone, in every database.
- Messages go to the client itself if it speaks RESP3, or to another one that it names: in RESP2 as if published.
- `Tracking` listens to changes only while somebody tracks; then too, a client that does not is not concerned.
"""

from __future__ import annotations

from typing import Any

from geventcache.command.introspection import keys_read
from geventcache.resp.values import Push
from geventcache.services.settings.config import Config
from geventcache.store.changes import TRACKING_RANK, Listener
from geventcache.store.keyspace import Keyspace
from geventcache.store.places import NEW

INVALIDATE = b"invalidate"
CHANNEL = b"__redis__:invalidate"
ANY_MODE = 0
OPT_IN = 1
OPT_OUT = 2


class Tracked:
    """What a client that tracks asked for.

    Attributes:
        prefixes: of the broadcasting mode, None in the other one.
        choice: OPT_IN or OPT_OUT, if only some reads are remembered.
        is_noloop: do not tell it of its own changes.
        redirect: the id of the client that gets the messages, 0 for itself; is_broken: that one has gone.
        is_caching: CLIENT CACHING concerns the next command.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.prefixes: dict[bytes, None] | None = None
        self.choice = ANY_MODE
        self.is_noloop = False
        self.redirect = 0
        self.is_broken = False
        self.is_caching = False

    def remembers(self) -> bool:
        """Are the keys of a read remembered now?"""
        if self.prefixes is not None:
            return False
        return self.choice == ANY_MODE or self.is_caching == (self.choice == OPT_IN)

    def flags(self) -> list[bytes]:
        """The words of CLIENT TRACKINGINFO."""
        words = (
            (b"bcast", self.prefixes is not None),
            (b"optin", self.choice == OPT_IN),
            (b"caching-yes", self.choice == OPT_IN and self.is_caching),
            (b"optout", self.choice == OPT_OUT),
            (b"caching-no", self.choice == OPT_OUT and self.is_caching),
            (b"noloop", self.is_noloop),
            (b"broken_redirect", self.is_broken),
        )
        return [b"on", *(word for word, is_set in words if is_set)]


class Tracking(Listener):
    """All clients that track, and what they have read.

    Attributes:
        table: ids of clients by the key that they have read.
        by_prefix: the Tracked of the broadcasting mode.
        changes_by_prefix: what is to be told at the end of the turn: key -> who changed it last.
    """

    def __init__(self, state: Any, config: Config) -> None:
        self.state = state
        self.count = 0
        self.table: dict[bytes, set[int]] = {}
        self.by_prefix: dict[bytes, dict[Tracked, None]] = {}
        self.changes_by_prefix: dict[bytes, dict[bytes, Any]] = {}
        self.is_flush_told = False
        self.limit: int = config["tracking-table-max-keys"]
        config.on_change("tracking-table-max-keys", self.set_limit)

    def set_limit(self, limit: int) -> None:
        """Remember so many keys at most; 0 is unlimited."""
        self.limit = limit
        self.trim()

    def items(self) -> int:
        """How many pairs of a key and a client are remembered."""
        return sum(map(len, self.table.values()))

    # ------------------------------------------------------------------ who tracks

    def start(self, client: Any, choice: int, is_noloop: bool, redirect: int, prefixes: list[bytes] | None) -> None:
        """A client tracks from now on, or otherwise than before; further prefixes are added.

        Args:
            prefixes: of the broadcasting mode, None for the other one.
        """
        tracked = client.tracking
        if tracked is None:
            tracked = client.tracking = Tracked(client)
            self.count += 1
            self.state.changes.listen(self, TRACKING_RANK)
        tracked.choice, tracked.is_noloop, tracked.redirect = choice, is_noloop, redirect
        tracked.is_broken = tracked.is_caching = False
        if prefixes is not None:
            tracked.prefixes = {**(tracked.prefixes or {}), **dict.fromkeys(prefixes)}
            for prefix in prefixes:
                self.by_prefix.setdefault(prefix, {})[tracked] = None
        client.review()

    def stop(self, client: Any) -> None:
        """A client does not track any more. What it has read is forgotten when it changes, or with the last client."""
        tracked = client.tracking
        if tracked is None:
            return
        client.tracking = None
        client.review()
        for prefix in tracked.prefixes or ():
            trackers = self.by_prefix[prefix]
            del trackers[tracked]
            if not trackers:
                del self.by_prefix[prefix]
        self.count -= 1
        if not self.count:
            self.state.changes.ignore(self)
            self.table.clear()
            self.changes_by_prefix.clear()

    # ------------------------------------------------------------------ reads

    def after_command(self, client: Any, command: Any, args: list[bytes]) -> None:
        """A client that tracks, or its script, has run a command."""
        tracked = client.tracking
        declaration = command.declaration
        # What a script reads is remembered by the commands that it calls.
        if "readonly" in declaration.flags and not command.is_composite and tracked.remembers():
            self.remember(tracked.client.id, keys_read(declaration, args))
        if not (client.is_script or client.is_in_exec or client.queue is not None or client.blocked is not None):
            # CLIENT CACHING is about one command, or one transaction.
            tracked.is_caching = tracked.is_caching and command.name.startswith(b"client|")

    def remember(self, client_id: int, keys: list[bytes]) -> None:
        """A client has read keys."""
        self.is_flush_told = False
        for key in keys:
            self.table.setdefault(key, set()).add(client_id)
        self.trim()

    def trim(self) -> None:
        """Forget what is too much, the oldest first; those who have read it are told as if it had changed."""
        while self.limit and len(self.table) > self.limit:
            self.invalidate(next(iter(self.table)), None)

    # ------------------------------------------------------------------ changes

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """A key was changed; that it is new is told as well, but not the change itself, which follows."""
        if event is NEW:
            return
        by = self.state.engine.current
        if key in self.table:
            self.invalidate(key, by)
        for prefix in self.by_prefix:
            if key.startswith(prefix):
                if not self.changes_by_prefix:
                    self.state.chores.append(self.broadcast)
                self.changes_by_prefix.setdefault(prefix, {})[key] = by

    def invalidate(self, key: bytes, by: Any) -> None:
        """Tell those who have read a key that it is another now; `by` is the client that changed it, if one did."""
        for client_id in self.table.pop(key):
            client = self.state.clients.by_id.get(client_id)
            tracked = client.tracking if client is not None else None
            if tracked is not None and tracked.prefixes is None and not (tracked.is_noloop and client is by):
                self.send(tracked, [key])

    def broadcast(self) -> None:
        """Tell of the changes of this turn, each prefix in one message."""
        changes, self.changes_by_prefix = self.changes_by_prefix, {}
        for prefix in sorted(changes):
            authors = changes[prefix]
            for tracked in self.by_prefix.get(prefix, ()):
                keys = [key for key in sorted(authors) if not (tracked.is_noloop and authors[key] is tracked.client)]
                if keys:
                    self.send(tracked, keys)

    def flushed(self, keyspace: Keyspace) -> None:
        """All keys of a database are gone: nothing that was read is true any more. Several databases are told once."""
        self.table.clear()
        if self.is_flush_told:
            return
        self.is_flush_told = True
        self.state.chores.append(self.forget_flush)
        for client in self.state.clients:
            if client.tracking is not None:
                self.send(client.tracking, None)

    def doubt(self) -> None:
        """Changes may have been missed: nothing that was read can be relied on."""
        for client in self.state.clients:
            if client.tracking is not None:
                self.send(client.tracking, None)

    def forget_flush(self) -> None:
        """The turn is over: the next flush is another one."""
        self.is_flush_told = False

    def swapped(self, one: Keyspace, other: Keyspace) -> None:
        """Every key of two databases may be another one."""
        self.flushed(one)

    # ------------------------------------------------------------------ messages

    def send(self, tracked: Tracked, keys: list[bytes] | None) -> None:
        """Tell a client, or the one in its place, that keys are out of date: all of them if it is None."""
        send = self.state.engine.send
        target = tracked.client
        if tracked.redirect:
            target = self.state.clients.by_id.get(tracked.redirect)
            if target is None:
                tracked.is_broken = True
                if tracked.client.resp3:
                    send(tracked.client, Push([b"tracking-redir-broken", tracked.redirect]))
                return
        if target.resp3:
            send(target, Push([INVALIDATE, keys]))
        elif tracked.redirect and target.subscription_count():
            send(target, Push([b"message", CHANNEL, keys]))
