"""The end of a server that somebody asks for, by SHUTDOWN or by a signal.

If there are replicas, nothing is written from then on. What was written is to reach them: as long as one of them
lags, but for `shutdown-timeout` seconds at most, who asked waits; they are asked at once how far they are. Then the
data are saved, if that is wanted; if they cannot be, the server stays, and who asked is told so. After a signal they
are saved when all clients have gone, come what may.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from geventcache.base import errors
from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.services.listeners.waiters import Wait
from geventcache.services.replication.replicas import Replica

SHUTDOWN = "shutdown_in_progress"
# In the place of options, for who asks by a signal.
SIGNAL = b"signal"
SIGNALLED = (SIGNAL,)
SIGNALLED_NOW = (SIGNAL, b"now")


class Shutdown:
    """The end of one server.

    Attributes:
        is_waiting: it waits for replicas; until_ms: till then at most, by the monotonic clock.
        position: up to where replicas are to have the stream.
        is_over: there is nothing to wait for any more.
        words: the options of who asked first.
        waits: what the clients that asked are parked with.
        on_wait: `check` is to be called from time to time, while `is_waiting`.
        on_signalled: ends this server alone; `on_shutdown` of its state ends all that it is a part of.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.is_waiting = False
        self.until_ms = 0
        self.position = 0
        self.is_over = False
        self.words: Collection[bytes] = ()
        self.waits: dict[Any, Wait] = {}
        self.on_wait: Callable[[], None] = lambda: None
        self.on_signalled: Callable[[], None] = lambda: None

    @property
    def left_ms(self) -> int:
        """For how long replicas are still waited for."""
        return max(0, self.until_ms - now_ms())

    def ask(self, client: Any, words: Collection[bytes]) -> Wait | None:
        """A client asks for the end; return what it is parked with, None if there is no need to wait.

        Raises:
            CommandError: the data cannot be saved, and the server stays.
        """
        if not self.begin(words):
            return None
        wait = self.waits[client] = Wait((), 0)
        wait.can_be_unblocked = False
        return wait

    def begin(self, words: Collection[bytes] = SIGNALLED) -> bool:
        """End the server, at once or when all replicas have what was written; return whether these are waited for.

        Raises:
            CommandError: the data cannot be saved, and the server stays.
        """
        if self.is_waiting and b"now" not in words:
            return True
        timeout_ms = self.state.config["shutdown-timeout"] * 1000
        is_urgent = b"now" in words or self.is_over or self.state.scripting.is_busy
        self.words = words
        if self.state.replication.replicas:
            self.state.hold_writes(SHUTDOWN)
        self.position = self.state.replication.position
        lagging = [] if is_urgent or not timeout_ms else self.lagging()
        if not lagging:
            self.finish()
            return False
        self.is_waiting = True
        self.until_ms = now_ms() + timeout_ms
        self.state.log.info("shutdown_waits", replicas=[one.place for one in lagging])
        self.state.replication.on_ask()
        self.on_wait()
        return True

    def lagging(self) -> list[Replica]:
        """The replicas of which it is not known that they have all that was written."""
        replicas = self.state.replication.replicas.values()
        followers = (one for one in replicas if one.parts is None and not one.wants_file_only)
        return [one for one in followers if one.acknowledged < self.position]

    def check(self) -> None:
        """End the server if nobody has to be waited for any more."""
        lagging = self.lagging()
        if lagging and self.left_ms:
            return
        for replica in lagging:
            self.state.log.warning("replica_lags", replica=replica.place, position=replica.acknowledged)
        try:
            self.finish()
        except CommandError:
            return  # whoever asked was told

    def finish(self) -> None:
        """Save if that is wanted, and end the server.

        Raises:
            CommandError: the data cannot be saved, and the server stays.
        """
        try:
            self.save()
        except OSError:
            self.stay()
            raise CommandError(errors.SHUTDOWN_FAILED) from None
        self.is_waiting = False
        self.is_over = True
        if SIGNAL in self.words:
            self.on_signalled()
        else:
            self.state.on_shutdown()
        for client in self.waits:
            client.close()
        self.waits.clear()

    def save(self) -> None:
        """Save if SHUTDOWN asks for it, or if there are points to save at.

        Raises:
            OSError: that failed, and it is not said that this does not matter.
        """
        snapshots = self.state.snapshots
        words = self.words
        if SIGNAL in words or self.is_over:
            return
        if b"save" in words or (self.state.config["save"] and b"nosave" not in words and snapshots.is_whole):
            try:
                snapshots.save()
            except OSError:
                if b"force" not in words:
                    raise
        snapshots.saves_at_end = False

    def abort(self) -> bool:
        """The server is to stay; return whether it was about to end."""
        if not self.is_waiting:
            return False
        self.state.log.info("shutdown_aborted")
        self.stay()
        return True

    def stay(self) -> None:
        """The server stays: writes go on, and whoever asked is told."""
        self.is_waiting = False
        waits, self.waits = self.waits, {}
        for client, wait in waits.items():
            if client.blocked is wait:
                self.state.engine.unblock(client, CommandError(errors.SHUTDOWN_FAILED))
        self.state.resume(SHUTDOWN)


def now_ms() -> int:
    """The time for deadlines that no command moves."""
    return monotonic_us() // 1000
