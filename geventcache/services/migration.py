"""Keys on their way to another server: what is sent, and what its replies mean.

The rules:

- The client that asked waits, nobody else does. So a key may change on its way: it is sent again then, in its new
  state, until one has arrived that is the last. A key is deleted here only when what arrived is what is here.
- Keys are sent in parts of some hundred kilobytes, each of which is answered before the next one goes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from geventcache.base.errors import CommandError, printable
from geventcache.base.times import NEVER_MS
from geventcache.persistence import payload
from geventcache.services.clients import Client
from geventcache.store.changes import Listener
from geventcache.store.keyspace import Keyspace

PART_BYTES = 512 << 10
MOST_ROUNDS = 100
RESTORE = b"RESTORE"
RESTORE_IN_CLUSTER = b"RESTORE-ASKING"
TARGET_ERROR = b"ERR Target instance replied with error: "
RESTLESS = b"ERR keys change faster than they can be migrated: those that are still here are the last ones"
EXCHANGED = b"ERR databases were exchanged while keys were migrated"


class Target(NamedTuple):
    """Where keys go."""

    host: bytes
    port: bytes
    database: int
    timeout_ms: int
    credentials: tuple[bytes, ...]


class Migration(Listener):
    """One MIGRATE. It must be told of changes from its first part on.

    Attributes:
        client, wait: who asked, and what it waits for.
        target: where the keys go.
        waiting: the keys that have to be sent, again or for the first time.
        error: the first error that the target has answered.
    """

    hears_all = True

    def __init__(
        self, client: Client, wait: Any, target: Target, keys: list[bytes], copies: bool, replaces: bool
    ) -> None:
        self.client = client
        self.state = client.server
        self.db: Keyspace = client.db
        self.wait = wait
        self.target = target
        self.copies = copies
        self.replaces = replaces
        self.waiting: dict[bytes, None] = dict.fromkeys(keys)
        self.sent: list[bytes] = []
        self.changed_keys: set[bytes] = set()
        self.arrived: set[bytes] = set()
        self.rounds = MOST_ROUNDS + len(keys)
        self.error: bytes | None = None

    # ------------------------------------------------------------------ what happens meanwhile

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """A key on its way may have changed."""
        if keyspace is self.db:
            self.changed_keys.add(key)

    def flushed(self, keyspace: Keyspace) -> None:
        """All keys are gone."""
        if keyspace is self.db:
            self.changed_keys.update(self.sent)

    def swapped(self, one: Keyspace, other: Keyspace) -> None:
        """The keys of this database are others now."""
        if self.db in (one, other):
            self.fail(EXCHANGED)

    # ------------------------------------------------------------------ parts

    def next_part(self) -> list[tuple[bytes, ...]]:
        """The requests to be sent next, none if nothing is left to do."""
        requests = []
        size = 0
        self.sent = []
        self.changed_keys.clear()
        self.rounds -= 1
        if self.rounds < 0 and self.waiting:
            self.fail(RESTLESS)
        while self.waiting and size < PART_BYTES and self.error is None:
            key = next(iter(self.waiting))
            del self.waiting[key]
            request = self.request(key)
            if request is not None:
                self.sent.append(key)
                requests.append(request)
                size += sum(map(len, request))
        return requests

    def request(self, key: bytes) -> tuple[bytes, ...] | None:
        """What takes a key to the target, or takes it away there if it has gone here meanwhile."""
        value = self.db.find(key)
        if value is None:
            return (b"DEL", key) if key in self.arrived else None
        deadline_ms = self.db.deadline(key)
        ttl_ms = 0 if deadline_ms == NEVER_MS else max(deadline_ms - self.db.clock.now_ms, 1)
        name = RESTORE if self.state.cluster is None else RESTORE_IN_CLUSTER
        request = (name, key, b"%d" % ttl_ms, payload.dump(value, self.state.config["rdbcompression"]))
        return (*request, b"REPLACE") if self.replaces or key in self.arrived else request

    def take(self, replies: list[Any]) -> None:
        """The target has answered a part: errors as exceptions, in the order of the requests."""
        for key, reply in zip(self.sent, replies, strict=True):
            if isinstance(reply, Exception):
                self.refuse(reply)
            elif not self.copies:
                self.arrived.add(key)
                if key in self.changed_keys:
                    self.waiting[key] = None
                else:
                    self.delete(key)

    def delete(self, key: bytes) -> None:
        """A key has arrived, and is deleted here."""
        self.state.engine.call_as(self.client, self.client, self.state.table.find([b"DEL"]), [b"DEL", key])

    def refuse(self, error: Exception) -> None:
        """The target has answered with an error."""
        self.fail(TARGET_ERROR + printable(str(error).encode()))

    def fail(self, text: bytes) -> None:
        """Something went wrong; the first error is the one that is told."""
        if self.error is None:
            self.error = text

    def answer(self, value: Any) -> None:
        """Tell the client how it went, if it still waits."""
        if self.client.blocked is self.wait:
            self.state.engine.unblock(self.client, value if self.error is None else CommandError(self.error))
