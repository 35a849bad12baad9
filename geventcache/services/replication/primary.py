"""The server that this one follows: how far the link to it is, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

# States of the link, as ROLE shows them.
CONNECT, CONNECTING, HANDSHAKE, SYNC, CONNECTED = b"connect", b"connecting", b"handshake", b"sync", b"connected"
NEVER = -1


@dataclass
class Transfer:
    """The file that comes from the primary.

    Attributes:
        total: its bytes, 0 while nobody knows.
        received: how many of them have come.
    """

    total: int
    received: int = 0


class Primary:
    """A server that is followed.

    Attributes:
        host, port: where it is.
        state: of the link.
        heard_ms: when something came from it last, NEVER if nothing has; down_ms: since when the link is down.
        has_data: the data here have been its, at some time.
        transfer: the file that comes in, if one does.
        takes_over: it follows this server, and is asked to lead.
    """

    client_type = b"primary"

    def __init__(self, host: bytes, port: int, now_ms: int) -> None:
        self.host = host
        self.port = port
        self.state = CONNECT
        self.heard_ms = NEVER
        self.down_ms = now_ms
        self.transfer: Transfer | None = None
        self.takes_over = False
        self.has_data = False

    @property
    def is_up(self) -> bool:
        """The data are its, and follow it."""
        return self.state == CONNECTED

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.host.decode(errors='replace')}:{self.port}"
