"""Replication: whether this server leads or follows, and who follows it.

The rules:

- Who leads writes the stream of its history; who follows passes on the one that it gets, byte for byte.
- Who follows decides nothing by itself: what is due stays, hidden, until the primary removes it; nothing is evicted.
- The data of before stay until those of the primary are there as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.services.replication.history import History
from geventcache.services.replication.primary import Primary


class Replication:
    """The part in replication of one server.

    Attributes:
        history: which stream the data are the result of.
        primary: the server that is followed, None if this one leads.
        on_follow: called when another primary is to be followed, or none any more.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.config = state.config
        self.history = History()
        self.primary: Primary | None = None
        self.on_follow: Callable[[], None] = lambda: None
        for name in ("replica-read-only", "replica-serve-stale-data"):
            self.config.on_change(name, lambda _: self.review())

    # ------------------------------------------------------------------ roles

    def follow(self, host: bytes, port: int) -> bool:
        """Follow another server from now on; False if that is so already."""
        primary = self.primary
        if primary is not None and (primary.host.lower(), primary.port) == (host.lower(), port):
            return False
        self.primary = Primary(host, port, self.state.clock.now_ms)
        self.release_waiting()
        self.change()
        return True

    def lead(self) -> None:
        """Follow nobody any more: the data are those that there are, and the history is an own one."""
        if self.primary is not None:
            self.primary = None
            self.history.begin_own()
            self.change()

    def change(self) -> None:
        """The role is another one, or the primary."""
        self.review()
        place = b"" if self.primary is None else b"%b %d" % (self.primary.host, self.primary.port)
        self.config.load("replicaof", place)
        self.on_follow()

    def review(self) -> None:
        """Let the databases and the gate know what the role asks of them."""
        is_led = self.primary is not None
        self.state.changes.keeps_due = is_led and self.config["replica-read-only"]
        self.state.review()

    def release_waiting(self) -> None:
        """Whoever waits for keys, waits in vain: nothing is taken from them here any more."""
        for client in list(self.state.waiters.parked):
            self.state.engine.unblock(client, CommandError(errors.ROLE_CHANGED))
            client.close()

    # ------------------------------------------------------------------ questions of the gate

    @property
    def refuses_writes(self) -> bool:
        """Nobody but the primary may write."""
        return self.primary is not None and bool(self.config["replica-read-only"])

    @property
    def is_cut_off(self) -> bool:
        """The data may be old, and are not to be shown then."""
        return self.primary is not None and not self.primary.is_up and not self.config["replica-serve-stale-data"]
