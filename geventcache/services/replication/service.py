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
from geventcache.services.listeners.waiters import Wait
from geventcache.services.replication.failover import Failover
from geventcache.services.replication.history import History
from geventcache.services.replication.primary import Primary
from geventcache.services.replication.replicas import INTRODUCED, ONLINE, WAITING, Replica


class Replication:
    """The part in replication of one server.

    Attributes:
        history: which stream the data are the result of.
        primary: the server that is followed, None if this one leads.
        replicas: who follows this one, by client, in the order of their coming.
        waiting: who waits until so many replicas have carried out the stream up to a position.
        left_ms: since when there are no replicas.
        full_syncs, partial_syncs, refused_syncs: how many replicas got all data, or what they had missed, or asked for
            that in vain; fed_bytes: what they were sent; heard_bytes: what primaries have sent.
        is_short: there are fewer good replicas than a setting asks for.
        on_follow: called when another primary is to be followed, or none any more.
        on_sync: called with a replica that needs all data; on_attach: with one that goes on where it was.
        on_settle: called before the position is asked for: it brings the stream up to date.
        on_ask: called to let the replicas tell how far they are.
        failover: the one that runs, None while none does; on_failover: called when it begins; on_failover_end: called
            with the reason to end it.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.config = state.config
        self.history = History()
        self.primary: Primary | None = None
        self.replicas: dict[Any, Replica] = {}
        self.waiting: dict[Any, Waiting] = {}
        self.left_ms = 0
        self.is_short = False
        self.on_follow: Callable[[], None] = lambda: None
        self.on_sync: Callable[[Replica], None] = lambda replica: None
        self.on_attach: Callable[[Replica], None] = lambda replica: None
        self.on_settle: Callable[[], None] = lambda: None
        self.on_ask: Callable[[], None] = lambda: None
        self.failover: Failover | None = None
        self.on_failover: Callable[[], None] = lambda: None
        self.on_failover_end: Callable[[str], None] = lambda reason: None
        self.reset_counters()
        for name in ("min-replicas-to-write", "min-replicas-max-lag"):
            self.config.on_change(name, lambda _: self.count_good())
        for name in ("replica-read-only", "replica-serve-stale-data"):
            self.config.on_change(name, lambda _: self.review())

    def reset_counters(self) -> None:
        """Counters to zero."""
        self.full_syncs = self.partial_syncs = self.refused_syncs = 0
        self.fed_bytes = self.heard_bytes = 0

    # ------------------------------------------------------------------ roles

    def follow(self, host: bytes, port: int, takes_over: bool = False) -> bool:
        """Follow another server from now on; False if that is so already.

        Args:
            takes_over: it is a replica of this server, and is asked to lead.
        """
        primary = self.primary
        if primary is not None and (primary.host.lower(), primary.port) == (host.lower(), port):
            return False
        self.primary = Primary(host, port, self.state.clock.now_ms)
        self.primary.takes_over = takes_over
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

    # ------------------------------------------------------------------ who follows

    @property
    def position(self) -> int:
        """How many bytes the history's stream has."""
        self.on_settle()
        return self.history.position

    def position_of(self, client: Any) -> int:
        """How many bytes the stream had after the last change of a client."""
        if client.has_changed:
            client.has_changed = False
            client.stream_position = self.position
        return int(client.stream_position)

    def introduce(self, client: Any) -> Replica:
        """A client says of itself what replicas say."""
        if client.peer is None:
            client.peer = Replica(client)
            client.review()
        replica: Replica = client.peer
        return replica

    def attach(self, client: Any, history_id: bytes, first: int) -> bool:
        """A client follows this server from now on; whether it goes on from the byte of the number `first`.

        Else it gets all data.

        Raises:
            CommandError: there are none to be had.
        """
        primary = self.primary
        if primary is not None and not primary.is_up:
            raise CommandError(errors.NO_PRIMARY_LINK)
        replica = self.introduce(client)
        position = self.position
        replica.heard_ms = self.state.clock.now_ms
        is_continued = self.history.continues(history_id, first)
        replica.state = ONLINE if is_continued else WAITING
        replica.position = replica.acknowledged = first - 1 if is_continued else position
        self.replicas[client] = replica
        if is_continued:
            self.partial_syncs += 1
            self.on_attach(replica)
        else:
            self.full_syncs += 1
            self.refused_syncs += history_id != b"?"
            self.on_sync(replica)
        self.count_good()
        return is_continued

    def detach(self, client: Any) -> None:
        """A client has gone."""
        self.waiting.pop(client, None)
        if self.replicas.pop(client, None) is not None:
            self.left_ms = self.state.clock.now_ms
            self.count_good()

    def replica_at(self, host: bytes, port: int) -> Replica | None:
        """The replica that others reach there, None if there is none."""
        for replica in self.replicas.values():
            if (replica.ip.lower(), replica.port) == (host.lower(), port):
                return replica
        return None

    def count_good(self) -> None:
        """Find out anew whether there are as many good replicas as a setting asks for."""
        least, most_lag_s = self.config["min-replicas-to-write"], self.config["min-replicas-max-lag"]
        is_short = bool(least and most_lag_s) and self.good_count() < least and self.primary is None
        if is_short != self.is_short:
            self.is_short = is_short
            self.state.review()

    def good_count(self) -> int:
        """How many replicas follow closely."""
        now_ms, most_lag_s = self.state.clock.now_ms, self.config["min-replicas-max-lag"]
        return sum(one.is_good(now_ms, most_lag_s) for one in self.replicas.values())

    def unsent(self, client: Any) -> int:
        """Bytes that a client has still to take."""
        peer = client.peer
        return peer.unsent(self.history.position) if isinstance(peer, Replica) else int(client.outbox_size)

    # ------------------------------------------------------------------ who waits for replicas

    def acknowledge(self, client: Any, position: int, synced: int | None) -> None:
        """A replica tells how far it is, and how far on its disk."""
        replica = client.peer
        if not isinstance(replica, Replica) or replica.state == INTRODUCED:
            return
        replica.heard_ms = self.state.clock.now_ms
        replica.acknowledged = max(replica.acknowledged, position)
        if synced is not None:
            replica.synced = max(replica.synced, synced)
        if not replica.is_fed:
            self.on_attach(replica)
        self.count_good()
        self.serve_waiting()

    def acknowledged(self, position: int, is_synced: bool = False) -> int:
        """How many replicas have carried out the stream up to a position, or have it on their disks."""
        online = [one for one in self.replicas.values() if one.is_online]
        return sum((one.synced if is_synced else one.acknowledged) >= position for one in online)

    def wait_for(self, client: Any, waiting: Waiting) -> Any:
        """What a client is answered that wants to wait: at once, if there is nothing to wait for."""
        reached = waiting.reached(self)
        if waiting.is_enough(reached):
            return waiting.reply(reached)
        wait = Wait((), waiting.timeout_ms, timeout_reply=waiting.reply(reached), denied_reply=waiting.reply(reached))
        if not client.is_in_exec and not client.is_script:
            waiting.wait = wait
            self.waiting[client] = waiting
            self.on_ask()
        return wait

    def serve_waiting(self) -> None:
        """Answer those for whom enough replicas are far enough; the others know better what to say in the end."""
        for client, waiting in list(self.waiting.items()):
            if client.blocked is not waiting.wait:
                del self.waiting[client]
                continue
            reached = waiting.reached(self)
            waiting.wait.timeout_reply = waiting.reply(reached)
            if waiting.is_enough(reached):
                del self.waiting[client]
                self.state.engine.unblock(client, waiting.reply(reached))

    # ------------------------------------------------------------------ questions of the gate

    @property
    def refuses_writes(self) -> bool:
        """Nobody but the primary may write."""
        return self.primary is not None and bool(self.config["replica-read-only"])

    @property
    def is_cut_off(self) -> bool:
        """The data may be old, and are not to be shown then."""
        return self.primary is not None and not self.primary.is_up and not self.config["replica-serve-stale-data"]


class Waiting:
    """What WAIT and WAITAOF wait for.

    Attributes:
        replicas: how many of them; position: up to where.
        on_disk: it is to be on their disks, and `local` says whether it is on this one's; needs_local: it has to be.
        wait: what the client is parked with.
    """

    def __init__(
        self, replicas: int, position: int, timeout_ms: int, on_disk: bool = False, needs_local: bool = False
    ) -> None:
        self.replicas = replicas
        self.position = position
        self.timeout_ms = timeout_ms
        self.on_disk = on_disk
        self.needs_local = needs_local
        self.local = 0
        self.wait: Any = None

    def reached(self, replication: Replication) -> int:
        """How many replicas are far enough."""
        return replication.acknowledged(self.position, self.on_disk)

    def is_enough(self, reached: int) -> bool:
        """Are these all that are waited for?"""
        return reached >= self.replicas and self.local >= self.needs_local

    def reply(self, reached: int) -> Any:
        """What the client is answered."""
        return [self.local, reached] if self.on_disk else reached
