"""FAILOVER: this server changes places with one of its replicas, and no write gets lost.

Writes wait until the replica has all that was written, which it tells each second by itself: to ask would lengthen the
stream by the question, and who is asked again and again never has all of it. Then this server follows it and asks it to
lead. If it refuses, or if the time is over before it was asked, this server leads again, and the writes go on; if it
cannot be reached then, this server tries until it is told to ABORT.
"""

from __future__ import annotations

from typing import Any

import gevent

from geventcache.services.replication.failover import IN_PROGRESS
from geventcache.services.replication.replicas import Replica

POLL_SECONDS = 0.005
FAILOVER = "failover_in_progress"


class FailoverRun:
    """The failovers of one server, one at a time."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.log = server.log
        self.replication = self.state.replication
        self.greenlet: Any = None
        self.replication.on_failover = self.begin
        self.replication.on_failover_end = self.abort

    def begin(self) -> None:
        """A failover was asked for."""
        self.log.info("failover_begins")
        self.state.hold_writes(FAILOVER)
        self.greenlet = gevent.spawn(self.run)

    def run(self) -> None:
        """Wait for the replica, change places, wait for the link."""
        failover = self.replication.failover
        assert failover is not None
        while (replica := self.ready()) is None:
            if failover.is_over(self.state.clock.update()):
                if not failover.is_forced:
                    self.abort("the time is over")
                    return
                replica = self.replication.replica_at(*failover.target)
                if replica is None:
                    self.abort("the replica has gone")
                    return
                break
            self.server.end_turn()
            gevent.sleep(POLL_SECONDS)
        failover.state = IN_PROGRESS
        self.log.info("failover_to", replica=replica.place)
        self.replication.follow(replica.ip, replica.port, takes_over=True)
        self.server.end_turn()
        # No deadline counts any more: who was asked may lead already, and two must not.
        while self.replication.primary is not None and not self.replication.primary.is_up:
            gevent.sleep(POLL_SECONDS)
        self.finish()

    def ready(self) -> Replica | None:
        """The replica that has all, None while there is none."""
        failover = self.replication.failover
        position = self.replication.position
        replicas: list[Replica] = list(self.replication.replicas.values())
        if failover is not None and failover.target:
            target = self.replication.replica_at(*failover.target)
            replicas = [one for one in replicas if one is target]
        ready = (one for one in replicas if one.is_online and one.port and one.acknowledged >= position)
        return next(ready, None)

    def finish(self) -> None:
        """It is done: the writes that waited are refused, and go to the new primary."""
        self.log.info("failover_done")
        self.end()

    def abort(self, reason: str) -> None:
        """It is not to be, or cannot be: this server leads, as before."""
        failover = self.replication.failover
        if failover is None:
            return
        self.log.warning("failover_aborted", reason=reason)
        if failover.state == IN_PROGRESS:
            self.replication.lead()
        self.end()

    def end(self) -> None:
        """Let the writes go on."""
        self.replication.failover = None
        greenlet, self.greenlet = self.greenlet, None
        if greenlet is not None and greenlet is not gevent.getcurrent():
            greenlet.kill(block=False)
        self.state.resume(FAILOVER)
        self.server.end_turn()

    def stop(self) -> None:
        """The server ends."""
        if self.greenlet is not None:
            self.greenlet.kill(block=False)
            self.greenlet = None
