"""A shutdown that waits for replicas, beside serving."""

from __future__ import annotations

from typing import Any

import gevent

POLL_SECONDS = 0.005


class ShutdownRun:
    """The background of one server's `Shutdown`."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.shutdown = server.state.shutdown
        self.shutdown.on_wait = self.begin
        self.greenlet: Any = None

    def begin(self) -> None:
        """Replicas are waited for."""
        self.stop()
        self.greenlet = gevent.spawn(self.run)

    def run(self) -> None:
        """Look again and again until that is over, whether by the replicas, the time or somebody else."""
        while self.shutdown.is_waiting:
            self.shutdown.check()
            self.server.end_turn()
            gevent.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """The server ends."""
        if self.greenlet is not None:
            self.greenlet.kill(block=False)
            self.greenlet = None
