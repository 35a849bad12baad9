"""Feeds those who follow this server: the stream of its history, its backlog, and what each replica takes of it.

The rules:

- While nobody follows, and nobody has for `repl-backlog-ttl` seconds, nothing is noted.
- What happens in the turns of a poll goes into the backlog when all are over, and from there to the replicas. Each
  reads at its own position: a slow one costs no copies, but keeps the backlog from forgetting, up to
  client-output-buffer-limit.
- A replica that follows another server passes the bytes on that it gets; its own feed is silent.
- A server that does not know a request of a transaction carries out nothing of it. So since somebody follows of whom it
  is not known that he knows deadlines of fields, requests about these stand between transactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
from gevent.event import Event

from geventcache.engine.effects import UNKNOWN_DATABASE, EffectStream
from geventcache.resp.requests import append_request
from geventcache.server.slices import TINY_SECONDS
from geventcache.server.transfers import Transfers
from geventcache.services.clients import Client
from geventcache.services.replication.replicas import ONLINE, SENDING, WAITING, Replica

SECOND_MS = 1000
# What effects name the deadlines of fields by; Valkey knows them, and no Redis tells its version.
OF_FIELDS = frozenset((b"HPEXPIREAT", b"HPERSIST"))
FIRST_VALKEY_WITH_FIELDS = 9


class Feed(EffectStream):
    """What happens here, as the stream of this server's history.

    Attributes:
        is_divided: there may be somebody who does not know deadlines of fields.
    """

    def __init__(self, feeding: Feeding) -> None:
        super().__init__(takes_messages=True)
        self.is_divided = False
        self.feeding = feeding

    def note(self, index: int, requests: list[list[bytes]]) -> None:
        """Take a unit; in parts, if somebody could not carry it out as a whole."""
        for part in divided(requests) if self.is_divided else (requests,):
            super().note(index, part)  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """The first change since the backlog was up to date."""
        self.feeding.more.set()

    def lose(self) -> None:
        """A change is missing: whoever follows needs all data again."""
        self.feeding.break_history()


class Feeding:
    """The stream of one server.

    Attributes:
        feed: what happens, until it is in the backlog.
        is_noting: what happens here is the stream.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.config = server.config
        self.log = server.log
        self.replication = self.state.replication
        self.history = self.replication.history
        self.feed = Feed(self)
        self.is_noting = False
        self.pinged_ms = 0
        self.more = Event()
        self.pump_greenlet: Any = None
        self.transfers = Transfers(self)
        self.replication.on_settle = self.settle
        self.replication.on_attach = self.attach
        self.replication.on_sync = self.synchronise
        self.replication.on_ask = self.ask

    # ------------------------------------------------------------------ whose stream it is

    def follow(self) -> None:
        """The stream is another server's from now on."""
        self.settle()
        self.turn_off()

    def lead(self) -> None:
        """The stream is this server's own from now on; what is due goes again. Who follows has to ask anew."""
        self.drop_replicas()
        if self.history.backlog is not None:
            self.turn_on()
        self.replication.left_ms = self.state.clock.now_ms
        self.server.expiry.arm()

    def turn_on(self) -> None:
        """Note what happens."""
        if not self.is_noting:
            self.is_noting = True
            self.select_anew()
            self.state.engine.add_sink(self.feed)

    def turn_off(self) -> None:
        """Note nothing."""
        if self.is_noting:
            self.is_noting = False
            self.state.engine.remove_sink(self.feed)

    def select_anew(self) -> None:
        """Whoever begins to read here does not know the database: a SELECT comes first."""
        self.feed.selected = UNKNOWN_DATABASE

    def keep_stream(self) -> None:
        """Somebody begins to follow: from now on there is a stream."""
        if self.history.backlog is None:
            self.history.keep_backlog()
            self.log.info("replication_backlog_kept", history=self.history.id.decode())
        if self.replication.primary is None:
            self.turn_on()

    def break_history(self) -> None:
        """The stream does not tell all that happened: it is of use to nobody."""
        self.drop_backlog()
        self.state.chores.append(self.drop_replicas)
        self.state.chores.append(self.turn_off)

    def drop_backlog(self) -> None:
        """Nobody can go on from where he was: whoever comes is new."""
        self.history.drop_backlog()
        self.feed.is_divided = False

    # ------------------------------------------------------------------ the stream

    def note_writer(self, client: Client) -> None:
        """In the turn that ends, a client has made changes."""
        client.has_changed = False
        if self.is_noting:
            client.stream_position = self.history.position + self.feed.size

    def settle(self) -> None:
        """Bring the backlog up to date."""
        for piece in self.feed.take():
            self.history.append(piece)

    def flush(self) -> None:
        """What happened goes to the replicas."""
        self.settle()
        self.send()

    def relay(self, pieces: list[bytes]) -> None:
        """Pass the stream of the primary on."""
        for piece in pieces:
            self.history.append(piece)
        self.send()

    def say(self, *words: bytes) -> None:
        """Put a request into the stream that changes nothing."""
        self.settle()
        data = bytearray()
        append_request(data, list(words))
        self.history.append(data)
        self.send()

    def ask(self) -> None:
        """Let the replicas tell how far they are."""
        if self.replication.replicas and self.replication.primary is None:
            self.say(b"REPLCONF", b"GETACK", b"*")

    def send(self) -> None:
        """Send each replica what it can take; the rest goes by and by."""
        backlog = self.history.backlog
        if backlog is None:
            return
        needed = backlog.end
        for replica in list(self.replication.replicas.values()):
            if replica.is_fed:
                self.replication.fed_bytes += replica.feed(backlog)
                if replica.position < backlog.end and not replica.client.is_congested:
                    self.more.set()
            if replica.unsent(backlog.end) and self.server.exceeds_output_limit(replica.client):
                self.drop(replica, "it leaves too much unread")
            elif replica.state in (WAITING, SENDING, ONLINE):
                needed = min(needed, replica.position)
        if len(backlog) > self.config["repl-backlog-size"]:
            backlog.trim(self.config["repl-backlog-size"], needed)

    def pump(self) -> None:
        """A greenlet: send on what happened in the turns of a poll, and wherever there is room again."""
        while True:
            self.more.wait()
            self.more.clear()
            self.state.chores.append(self.flush)
            self.server.end_turn()
            if self.more.is_set():
                gevent.sleep(TINY_SECONDS)

    def start(self) -> None:
        """The server begins."""
        self.pump_greenlet = gevent.spawn(self.pump)

    def stop(self) -> None:
        """The server ends."""
        self.transfers.stop()
        if self.pump_greenlet is not None:
            self.pump_greenlet.kill()
            self.pump_greenlet = None

    def abandon(self) -> None:
        """In a forked process: the replicas are the other's."""
        self.transfers.stop(block=False)
        if self.pump_greenlet is not None:
            self.pump_greenlet.kill(block=False)

    # ------------------------------------------------------------------ replicas

    def attach(self, replica: Replica) -> None:
        """The stream flows to a replica, from its position on, as soon as the turn is over."""
        if replica.state == WAITING or not self.transfers.is_sent(replica) or replica.wants_file_only:
            return  # it speaks too early, or there is nothing more for it
        self.mind(replica)
        replica.on_room = self.more.set
        replica.state = ONLINE
        replica.is_fed = True
        self.log.info("replica_online", replica=replica.place, position=replica.position)
        self.state.chores.append(self.send)

    def synchronise(self, replica: Replica) -> None:
        """A replica is to get all data."""
        self.keep_stream()
        self.mind(replica)
        replica.position = self.history.position
        self.transfers.begin()

    def mind(self, replica: Replica) -> None:
        """From now on the stream is for this replica, too, unless it wants a file alone."""
        major = replica.version.partition(b".")[0]
        is_new = major.isdigit() and int(major) >= FIRST_VALKEY_WITH_FIELDS
        if not is_new and replica.parts is None and not replica.wants_file_only:
            self.feed.is_divided = True

    def drop(self, replica: Replica, reason: str) -> None:
        """End the connection of a replica."""
        self.log.warning("replica_dropped", replica=replica.place, reason=reason)
        self.replication.detach(replica.client)
        if replica.client.transport is not None:
            replica.client.transport.break_off()

    def drop_replicas(self) -> None:
        """The history has another id, or is another one: who follows has to ask anew."""
        for replica in list(self.replication.replicas.values()):
            self.drop(replica, "the history has changed")

    # ------------------------------------------------------------------ from time to time

    def tick(self) -> None:
        """Once a second: keep in touch, give up who is silent, forget the stream that nobody has asked for."""
        now_ms = self.state.clock.now_ms
        replicas = self.replication.replicas
        self.replication.count_good()
        for replica in list(replicas.values()):
            if replica.state == WAITING or self.transfers.is_preparing(replica):
                replica.client.push(b"\n")
            elif replica.is_fed and replica.knows_ids and replica.lag_s(now_ms) > self.config["repl-timeout"]:
                self.drop(replica, "nothing was heard of it for too long")
        if replicas and self.replication.primary is None and self.is_ping_due(now_ms):
            self.pinged_ms = now_ms
            self.say(b"PING")
        ttl_ms = self.config["repl-backlog-ttl"] * SECOND_MS
        is_old = ttl_ms and not replicas and now_ms - self.replication.left_ms > ttl_ms
        if is_old and self.is_noting:
            self.turn_off()
            self.drop_backlog()
            self.log.info("replication_backlog_dropped")
        elif self.history.backlog is not None:
            self.send()

    def is_ping_due(self, now_ms: int) -> bool:
        """Is it time to tell the replicas that this server is there?"""
        return bool(now_ms - self.pinged_ms >= self.config["repl-ping-replica-period"] * SECOND_MS)


def divided(requests: list[list[bytes]]) -> Iterator[list[list[bytes]]]:
    """The requests of a unit in their order, in parts: those about deadlines of fields by themselves."""
    part: list[list[bytes]] = []
    for request in requests:
        if request[0] in OF_FIELDS:
            if part:
                yield part
            yield [request]
            part = []
        else:
            part.append(request)
    if part:
        yield part
