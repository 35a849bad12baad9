"""Who follows this server: what each replica said of itself, how far it is, and who waits for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geventcache.services.observing.client_report import ip_of
from geventcache.services.replication.backlog import Backlog

# States, as INFO shows them. A client that has only introduced itself is none yet.
INTRODUCED, WAITING, SENDING, ONLINE = b"", b"wait_bgsave", b"send_bulk", b"online"
NEVER = -1
WINDOW_BYTES = 256 << 10


class Replica:
    """A client that follows this server, or is about to.

    Attributes:
        host, port: where others reach it, as far as it told; empty and 0 for where it comes from.
        capabilities: what it understands; version: its own.
        wants_file_only: it wants the file and nothing else. parts: of what it shall be, None for all there is.
        knows_ids: it is told the history's id.
        state: see above.
        position: of what it is sent next; what comes before `acknowledged` it has carried out, before `synced` it has
            on its disk.
        is_fed: the stream flows to it.
        heard_ms: when it was last heard of.
        on_room: called when it has taken all that it was sent.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.host = b""
        self.port = 0
        self.capabilities: set[bytes] = set()
        self.version = b""
        self.wants_file_only = False
        self.parts: frozenset[bytes] | None = None
        self.knows_ids = True
        self.state = INTRODUCED
        self.position = 0
        self.acknowledged = 0
        self.synced = 0
        self.is_fed = False
        self.heard_ms = 0
        self.on_room: Callable[[], object] = lambda: None

    @property
    def client_type(self) -> bytes:
        """Of what class it is as a client."""
        return b"normal" if self.state == INTRODUCED else b"replica"

    @property
    def ip(self) -> bytes:
        """Where others reach it."""
        return self.host or ip_of(self.client)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.ip.decode(errors='replace')}:{self.port}"

    @property
    def is_online(self) -> bool:
        """It has the data, and follows."""
        return self.state == ONLINE

    def lag_s(self, now_ms: int) -> int:
        """For how many seconds nothing was heard of it."""
        return max(0, now_ms - self.heard_ms) // 1000

    def is_good(self, now_ms: int, most_lag_s: int) -> bool:
        """Does it follow closely?"""
        return self.is_online and (most_lag_s == 0 or self.lag_s(now_ms) <= most_lag_s)

    def unsent(self, end: int) -> int:
        """Bytes of the stream up to `end`, and of what was sent before, that it has still to take."""
        waits = self.state != INTRODUCED and self.parts is None and not self.wants_file_only
        return (end - self.position if waits else 0) + int(self.client.outbox_size)

    def feed(self, backlog: Backlog) -> int:
        """Send what it can take of the stream; return how many bytes that was."""
        start = self.position
        while self.client.outbox_size < WINDOW_BYTES and (piece := backlog.piece(self.position, WINDOW_BYTES)):
            self.position += len(piece)
            self.client.push(piece)
        return self.position - start
