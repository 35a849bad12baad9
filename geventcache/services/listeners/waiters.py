"""Clients that wait for keys.

A blocking command that cannot be served returns a `Wait`. The engine parks the client here. Whenever one of its keys
is changed, the key becomes ready, and before the turn that changed it is over, the engine runs the parked command
again: for the clients of one key in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from geventcache.base.times import NEVER_MS
from geventcache.resp.values import NULL_ARRAY
from geventcache.store.changes import WAITERS_RANK, Listener
from geventcache.store.keyspace import Keyspace

# What a group has not read grows by the first, but who waits is served by new entries only, as with the reference; what
# has no name is acknowledged or claimed.
BRINGS_NOTHING = frozenset([b"xgroup-setid", None])

Key = tuple[Keyspace, bytes]


class Wait:
    """What a client waits for.

    Attributes:
        keys: any of these, in its database.
        timeout_ms: for how long, 0 for ever.
        kind: the type that a key must have to be worth another try; None for any.
        timeout_reply: what it gets when the time is over.
        denied_reply: what it gets at once where nobody may wait: in a transaction and in a script.
        wakes_without_key: try again also when a key is deleted or has another type (to answer with an error).
        can_be_unblocked: CLIENT UNBLOCK may end it.
        on_end: called when the client waits no more, for whatever reason; None if nobody asks.
        args: the request to run again, when it differs from the one that was sent (``$`` of XREAD).
        until_ms: the server's time at which it ends, from when the client is parked on; NEVER_MS if it does not end.
    """

    def __init__(
        self,
        keys: Iterable[bytes],
        timeout_ms: int,
        kind: type | None = None,
        timeout_reply: Any = NULL_ARRAY,
        wakes_without_key: bool = False,
        args: list[bytes] | None = None,
        denied_reply: Any = NULL_ARRAY,
    ) -> None:
        self.keys = tuple(dict.fromkeys(keys))
        self.timeout_ms = timeout_ms
        self.kind = kind
        self.timeout_reply = timeout_reply
        self.wakes_without_key = wakes_without_key
        self.args = args
        self.denied_reply = denied_reply
        self.command: Any = None
        self.can_be_unblocked = True
        self.on_end: Callable[[], None] | None = None
        self.until_ms = NEVER_MS
        self.places: list[Key] = []


class Waiters(Listener):
    """All parked clients of a server.

    Attributes:
        ready: the keys that were changed while somebody waits for them, in the order of the changes.
        keyless: how many clients are worth another try when their key is gone.
    """

    hears_all = True

    def __init__(self, changes: Any) -> None:
        self.changes = changes
        self.by_key: dict[Key, dict[Any, None]] = {}
        self.ready: dict[Key, None] = {}
        self.parked: dict[Any, None] = {}
        self.keyless = 0

    def __len__(self) -> int:
        return len(self.parked)

    def park(self, client: Any, wait: Wait) -> None:
        """`client` waits from now on."""
        wait.places = [(client.db, key) for key in wait.keys]
        client.blocked = wait
        try:
            if not self.parked:
                self.changes.listen(self, WAITERS_RANK)
            self.parked[client] = None
            self.keyless += wait.wakes_without_key
            for place in wait.places:
                self.by_key.setdefault(place, {})[client] = None
        except Exception:
            self.release(client)
            raise
        client.hold()

    def next_ms(self) -> int:
        """When the first of all waits ends, NEVER_MS if none does."""
        return min((client.blocked.until_ms for client in self.parked), default=NEVER_MS)

    def overdue(self, now_ms: int) -> list[Any]:
        """The clients whose waits have ended, in the order of these ends."""
        found = [client for client in self.parked if client.blocked.until_ms <= now_ms]
        return sorted(found, key=lambda client: client.blocked.until_ms)

    def at(self, place: Key) -> list[Any]:
        """The clients that wait for a key, in the order in which they came."""
        return list(self.by_key.get(place, ()))

    def requeue(self, client: Any) -> None:
        """`client` was tried in vain: it waits on, behind the others."""
        wait = client.blocked
        for place in wait.places:
            clients = self.by_key[place]
            del clients[client]
            clients[client] = None

    def release(self, client: Any) -> None:
        """`client` waits no more: it was served, timed out or left, or could not be parked. Allocates nothing."""
        wait = client.blocked
        if wait is None:
            return
        if client in self.parked:
            del self.parked[client]
            self.keyless -= wait.wakes_without_key
        for place in wait.places:
            clients = self.by_key.get(place)
            if clients is not None:
                clients.pop(client, None)
                if not clients:
                    del self.by_key[place]
        client.blocked = None  # late: what broke off can be done again
        client.hold()
        if wait.on_end is not None:
            wait.on_end()
        if not self.parked:
            self.ready.clear()
            try:  # noqa: SIM105 (`suppress` is an object that takes memory)
                self.changes.ignore(self)
            except MemoryError:
                pass  # then it hears of changes that wake nobody

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes | None) -> None:
        """A key may have become worth another try."""
        if event not in BRINGS_NOTHING and (keyspace, key) in self.by_key:
            self.ready[keyspace, key] = None

    def flushed(self, keyspace: Keyspace) -> None:
        """Whoever waits for a key to disappear hears of it."""
        self.look_at(keyspace)

    def swapped(self, one: Keyspace, other: Keyspace) -> None:
        """Keys may have come into both databases."""
        self.look_at(one)
        self.look_at(other)

    def look_at(self, keyspace: Keyspace) -> None:
        """All keys of a database that somebody waits for are worth another try: they are ready."""
        for place in self.by_key:
            if place[0] is keyspace:
                self.ready[place] = None
