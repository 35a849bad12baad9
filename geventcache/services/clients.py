"""The clients of a server: who they are, what they said about themselves, what waits to be sent to them.

A `Client` is the context that every command gets as its first argument: it knows the database, the protocol and the
server. It is not a socket: a script's commands and an embedded cache have clients without one. What is sent to it
beside the reply of its own running command goes through `push` into `outbox`; the connection empties that when the
running turn is over.
"""

from collections import deque
from typing import Any

REPLY_ON = 0
REPLY_OFF = 1
REPLY_SKIP_NEXT = 2
REPLY_SKIP = 3


class Client:
    """One client.

    Attributes:
        server: the ServerState.
        db: the selected Keyspace.
        id: unique in this server, growing.
        resp3: speaks RESP3.
        is_special: the gate must look at each of its commands (not authenticated, in MULTI, subscribed, not replied to,
            ...).
        is_held: its next command must wait (blocked, paused or closing).
        is_closing: no more commands; close when the outbox is empty.
        needs_auth: has not authenticated where it must.
        queue: the requests since MULTI, None outside of it.
        queue_error: EXEC will refuse, a request was wrong.
        watched: keys under WATCH as {(keyspace, key)}; is_dirty: one of them changed.
        blocked: what it waits for, or None.
        channels, patterns, shard_channels: subscriptions.
        outbox: encoded messages; outbox_size: their bytes; is_congested: its socket takes no more at the moment;
            unsent: how many items of the outbox are older than the running turn.
        transport: the connection: `wake()` after a push, `go_on()` when it is held no more, `close()`; None for a
            client without a socket.
        relay: what it waits for from the upstream, None if it never did.
        is_barred: the request that it sent last is put off, and to be run again.
        reply_mode: of CLIENT REPLY.
        stream_position: of the stream of replication after its last change, but for those of the running turn, which
            `has_changed` tells of.
        is_repeating: what it asks for has been done elsewhere, or before: limits of this server do not count.
        peer: the Primary or the Replica that it is, None for everybody else.
    """

    def __init__(self, server, db) -> None:
        self.server = server
        self.id = 0
        self.transport: Any = None
        self.address = b""
        self.local_address = b""
        self.user = b"default"
        self.access = None
        self.created_ms = server.clock.now_ms
        self.last_active_ms = self.created_ms
        self.last_command = b"NULL"
        self.commands = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.reads = 0
        self.writes = 0
        self.outbox: deque[bytes] = deque()
        self.outbox_size = 0
        self.unsent = 0
        self.soft_since_ms = 0
        self.name = b""
        self.lib_name = b""
        self.lib_version = b""
        self.capabilities = b""
        self.is_pushed_to = False
        self.is_congested = False
        self.is_closing = False
        self.is_held = False
        self.is_script = False
        self.is_repeating = False
        self.is_in_exec = False
        self.blocked = None
        self.postponed = False
        self.tracking = None
        self.is_monitor = False
        self.no_evict = False
        self.no_touch = False
        self.reader = None
        self.needs_auth = False
        self.peer: Any = None
        self.relay: Any = None
        self.is_barred = False
        self.stream_position = 0
        self.has_changed = False
        self.initialise(db)

    def initialise(self, db):
        """The state of a new connection, and of one after RESET."""
        self.db = db
        self.resp3 = False
        self.queue = None
        self.queue_error = False
        self.is_dirty = False
        self.watched = None
        self.channels = None
        self.patterns = None
        self.shard_channels = None
        self.reply_mode = REPLY_ON
        self.review()

    def review(self):
        """Find out anew whether the gate has to look at this client; to be called when one of its states changed."""
        self.is_special = (
            self.needs_auth
            or self.queue is not None
            or self.reply_mode != REPLY_ON
            or self.is_monitor
            or self.access is not None
            or self.tracking is not None
            or self.no_touch
            or self.peer is not None
            or (not self.resp3 and self.subscription_count() > 0)
        )

    def subscription_count(self):
        """To how many channels, patterns and shard channels it has subscribed."""
        return len(self.channels or ()) + len(self.patterns or ()) + len(self.shard_channels or ())

    def push(self, message):
        """Send encoded bytes as soon as the running turn is over."""
        self.outbox.append(message)
        self.outbox_size += len(message)
        if not self.is_pushed_to:
            self.is_pushed_to = True
            self.server.pushed.append(self)

    def close(self):
        """End the connection after what is in the outbox."""
        self.is_closing = True
        self.is_held = True
        if self.transport is not None:
            self.transport.wake()

    def hold(self):
        """Find out anew whether the next command must wait."""
        self.is_held = (
            self.is_closing
            or self.blocked is not None
            or self.postponed
            or (self.relay is not None and self.relay.is_turn_over)
        )


class Clients:
    """The connected clients of a server.

    Attributes:
        by_id: Client by its id, in the order of their coming.
        accepted, rejected: connections so far; killed by a limit: `overflown`.
    """

    def __init__(self) -> None:
        self.by_id: dict[int, Client] = {}
        self.last_id = 0
        self.accepted = 0
        self.rejected = 0
        self.overflown = 0

    def add(self, client):
        """A client has come; gives it its id."""
        self.last_id += 1
        client.id = self.last_id
        self.by_id[client.id] = client
        self.accepted += 1

    def remove(self, client):
        """It has gone."""
        self.by_id.pop(client.id, None)

    def __len__(self):
        return len(self.by_id)

    def __iter__(self):
        return iter(list(self.by_id.values()))
