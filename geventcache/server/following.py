"""Follows a primary: connects, takes over its data, carries out its stream; for as long as it is asked.

The rules:

- One greenlet has the link. It lets others in every few milliseconds, whatever comes.
- The file of a full sync is read into databases aside. They take the place of those that are served in one step, when
  the file is whole; until then the old ones are served, and a link that breaks has changed nothing.
- After a link that worked the next one is tried at once; failures after failures wait, longer and longer.
- Once a second the primary hears how far we are, also while nothing comes.
"""

from __future__ import annotations

from typing import Any

import gevent

from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError, DefectError
from geventcache.engine.replay import Replay, StreamError
from geventcache.persistence.snapshot_loader import Loaded, load_records
from geventcache.persistence.snapshot_reader import SnapshotError, SnapshotReader
from geventcache.server.listening import name_of
from geventcache.server.primary_link import FileSource, LinkError, LinkTransport, PrimaryLink, RefusedError
from geventcache.server.slices import Slices
from geventcache.server.tls import TlsError, client_context
from geventcache.services.clients import Client
from geventcache.services.observing.info import VALKEY_VERSION
from geventcache.services.replication.primary import CONNECT, CONNECTED, CONNECTING, HANDSHAKE, SYNC, Primary, Transfer
from geventcache.services.scripting.libraries import Library
from geventcache.store.databases import Databases

SLICE_US = 1000
SECONDS = 1.0
LONGEST_DELAY_S = 16.0
TAKING_OVER_S = 0.05
BUSY_SECONDS = 0.01
SUPERUSER = b"(superuser)"


class Following:
    """The link of one server to its primary.

    Attributes:
        began_in: the database that the stream had selected where the link began, or ended.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.config = server.config
        self.log = server.log
        self.replication = self.state.replication
        self.history = self.replication.history
        self.replication.on_follow = self.begin
        self.greenlet: Any = None
        self.acks: Any = None
        self.link: PrimaryLink | None = None
        self.replay: Replay | None = None
        self.client: Client | None = None
        self.began_in = 0
        self.knows_history = False
        self.synced = 0
        self.is_syncing = False
        self.slices = Slices(server, SLICE_US)

    # ------------------------------------------------------------------ start and stop

    def begin(self) -> None:
        """Another primary is to be followed, or none."""
        self.cancel()
        primary = self.replication.primary
        if primary is None:
            self.log.info("replication_leads", history=self.history.id.decode(), position=self.history.position)
            self.server.feeding.lead()
            return
        self.state.chores.append(self.server.feeding.follow)  # what the running turn has done so far is of the stream
        self.log.info("replication_follows", primary=primary.place)
        self.greenlet = gevent.spawn(self.run, primary)

    def cancel(self) -> None:
        """Follow nobody."""
        for greenlet in (self.greenlet, self.acks):
            if greenlet is not None:
                greenlet.kill(block=False)
        self.greenlet = self.acks = None

    def stop(self) -> None:
        """The server ends."""
        greenlet = self.greenlet
        self.cancel()
        if greenlet is not None:
            greenlet.join()

    def abandon(self) -> None:
        """In a forked process: the link is the other's."""
        if self.link is not None:
            self.link.abandon()
        self.cancel()

    # ------------------------------------------------------------------ the greenlet

    def run(self, primary: Primary) -> None:
        """Follow a primary for ever."""
        self.knows_history = self.history.backlog is not None
        delay_s = 0.0
        while True:
            gevent.sleep(delay_s)
            delay_s = min(max(2 * delay_s, SECONDS), LONGEST_DELAY_S)
            try:
                self.serve(primary)
            except (LinkError, StreamError, SnapshotError, TlsError) as error:
                if primary.is_up:
                    delay_s = 0.0
                self.knows_history &= not isinstance(error, StreamError)
                self.log.warning("replication_link_down", primary=primary.place, reason=str(error))
            except Exception as error:
                self.give_up(primary, error)
            finally:
                self.hang_up(primary)
            if primary.takes_over:
                delay_s = TAKING_OVER_S

    def give_up(self, primary: Primary, error: Exception) -> None:
        """A defect of ours, or no memory: the data may differ, so all are asked for anew. Raises nothing itself."""
        self.knows_history = False
        try:
            self.state.engine.abandon()
            if isinstance(error, (DefectError, MemoryError)):
                self.log.error("replication_data_differ", primary=primary.place, reason=repr(error))
            else:
                self.log.error("replication_failed", primary=primary.place, error=repr(error), exc_info=error)
        except MemoryError:
            pass

    def hang_up(self, primary: Primary) -> None:
        """The link is down."""
        if self.acks is not None:
            self.acks.kill(block=False)
            self.acks = None
        if self.client is not None:
            self.began_in = self.selected
            self.state.clients.remove(self.client)
            self.client = None
        if self.link is not None:
            self.link.close()
            self.link = None
        if primary.state == CONNECTED:
            primary.down_ms = self.state.clock.update()
        primary.state, primary.transfer = CONNECT, None
        self.replay = None
        self.state.review()

    def serve(self, primary: Primary) -> None:
        """Connect once, and follow for as long as that goes well.

        Raises:
            LinkError, StreamError, SnapshotError, TlsError: it went wrong.
        """
        primary.state = CONNECTING
        context = client_context(self.config) if self.config["tls-replication"] else None
        place = primary.host.decode("utf-8", "replace"), primary.port
        self.link = PrimaryLink(place, self.config["repl-timeout"], context)
        primary.state = HANDSHAKE
        self.introduce(self.link)
        self.synchronise(primary, self.link)
        self.follow(primary, self.link)

    # ------------------------------------------------------------------ the handshake

    def introduce(self, link: PrimaryLink) -> None:
        """Say who we are and what we understand."""
        user, password = self.config["primaryuser"], self.config["primaryauth"]
        link.greet(((user, password) if user else (password,)) if password else ())
        link.suggest(b"REPLCONF", b"listening-port", b"%d" % self.announced_port())
        if self.config["replica-announce-ip"]:
            link.suggest(b"REPLCONF", b"ip-address", self.config["replica-announce-ip"])
        link.suggest(b"REPLCONF", b"capa", b"eof", b"capa", b"psync2")
        link.suggest(b"REPLCONF", b"version", VALKEY_VERSION.encode())

    @property
    def selected(self) -> int:
        """The database that the stream has selected at the position where we are."""
        return self.began_in if self.client is None else self.client.db.index

    def announced_port(self) -> int:
        """The port at which others reach this server."""
        ports = [address.port for address in self.state.addresses if not address.path]
        announced: int = self.config["replica-announce-port"]
        return announced or (ports[0] if ports else 0)

    def synchronise(self, primary: Primary, link: PrimaryLink) -> None:
        """Ask for what is missing, and take over all data if there is no other way."""
        history = self.history
        wanted = (history.id, history.position + 1) if self.knows_history else (b"?", -1)
        words = [b"PSYNC", wanted[0], b"%d" % wanted[1]]
        if primary.takes_over:
            words.append(b"FAILOVER")
        try:
            answer = link.ask(*words).split()
        except RefusedError:
            if primary.takes_over:
                self.replication.on_failover_end("the replica does not take over")
            raise
        primary.takes_over = False
        if answer[0] == b"+CONTINUE":
            self.go_on(answer[1] if len(answer) > 1 else history.id)
        elif answer[0] == b"+FULLRESYNC" and len(answer) == 3 and answer[2].isdigit():
            self.take_over(primary, link, answer[1], int(answer[2]))
        else:
            raise LinkError(f"it answers PSYNC with {b' '.join(answer)[:100].decode(errors='replace')!r}")
        self.knows_history = True
        primary.state = CONNECTED
        primary.has_data = True
        self.state.review()

    def go_on(self, history_id: bytes) -> None:
        """The primary sends what came after what we have."""
        if history_id != self.history.id:
            self.history.rename(history_id)
            self.server.feeding.drop_replicas()
        self.log.info("replication_continues", history=history_id.decode(), position=self.history.position)

    # ------------------------------------------------------------------ the file

    def take_over(self, primary: Primary, link: PrimaryLink, history_id: bytes, position: int) -> None:
        """Take over all data of the primary.

        Raises:
            LinkError, SnapshotError: they do not come, or are damaged; nothing has changed.
        """
        started_us = monotonic_us()
        self.log.info("replication_full_sync", history=history_id.decode(), position=position)
        source = FileSource(link, link.line())
        primary.state = SYNC
        primary.transfer = Transfer(source.total)
        self.state.review()
        self.keep_in_touch(link)
        databases = Databases(self.state.databases.count, self.state.clock, self.state.databases.limits)
        databases.changes.keeps_due = True
        codes: list[bytes] = []
        try:
            reader, loaded = self.read(source, primary.transfer, databases, codes)
            libraries = [self.state.snapshots.library_of(code) for code in codes]
        except BaseException:
            self.state.databases.graveyard.extend(one.table for one in databases.existing())
            raise
        self.exchange(databases, libraries)
        self.history.adopt(history_id, position)
        self.synced = 0
        primary.transfer = None
        self.began_in = database_of(reader.facts, self.state.databases.count)
        self.server.feeding.drop_replicas()
        seconds = round((monotonic_us() - started_us) / 1e6, 3)
        self.log.info("replication_loaded", keys=loaded.keys, bytes=source.received, seconds=seconds)

    def read(
        self, source: FileSource, transfer: Transfer, databases: Databases, codes: list[bytes]
    ) -> tuple[SnapshotReader, Loaded]:
        """Read the file into databases that nobody else knows."""

        def receive(needed: int) -> bytes:
            self.breathe()
            data = source.read()
            transfer.received = source.received
            self.note_heard(data)
            return data

        reader = self.state.snapshots.reader(receive)
        reader.on_function = codes.append
        loaded = Loaded()
        load_records(reader, databases, False, loaded, keeps_due=True)
        while not source.is_over and source.received == reader.size():
            receive(0)
        if source.received != reader.size():
            raise LinkError("more comes after the end of its file")
        return reader, loaded

    def exchange(self, databases: Databases, libraries: list[Library]) -> None:
        """Let the data that were read take the place of those that are served."""
        state = self.state
        if state.snapshots.image is not None:
            state.snapshots.image.end()
        for index in sorted({*state.databases.made, *databases.made}):
            state.databases.get(index).take_over(databases.get(index))
        state.scripting.libraries.put(libraries, clears=True)
        state.engine.begin_anew()
        self.server.end_turn()

    # ------------------------------------------------------------------ the stream

    def follow(self, primary: Primary, link: PrimaryLink) -> None:
        """Carry out what comes."""
        client = self.client = self.new_client(primary, link)
        self.replay = Replay(
            self.state, client, self.history.position, self.pass_on, self.acknowledge, self.tell_of_failure
        )
        self.acknowledge()
        self.keep_in_touch(link)
        while True:
            data = link.receive()
            self.note_heard(data)
            self.breathe()  # who receives what is there already lets nobody in
            self.replay.feed(data)
            while self.replay.waiting:
                self.replay.step()
                self.breathe()
            self.replay.check()
            self.server.end_turn()

    def new_client(self, primary: Primary, link: PrimaryLink) -> Client:
        """The client whom the requests of the primary run as."""
        client: Client = self.state.new_client()
        client.peer = primary
        client.address, client.local_address = primary.place.encode(), name_of(link.sock.getsockname())
        client.user = SUPERUSER
        client.db = self.state.databases.get(self.began_in)
        client.transport = LinkTransport(link)
        self.state.clients.add(client)
        return client

    def pass_on(self, pieces: list[bytes]) -> None:
        """These bytes of the stream have been carried out."""
        self.server.feeding.relay(pieces)

    def tell_of_failure(self, name: bytes, error: CommandError) -> None:
        """A request of the primary has failed here: the data may differ."""
        self.log.error(
            "replication_request_failed",
            command=name[:64].decode(errors="replace"),
            error=error.text[:200].decode(errors="replace"),
        )

    def note_heard(self, data: bytes) -> None:
        """Something has come."""
        self.replication.heard_bytes += len(data)
        primary = self.replication.primary
        if primary is not None:
            primary.heard_ms = self.state.clock.update()

    # ------------------------------------------------------------------ how far we are

    def keep_in_touch(self, link: PrimaryLink) -> None:
        """Send something once a second from now on."""
        if self.acks is None:
            self.acks = gevent.spawn(self.send_acks, link)

    def send_acks(self, link: PrimaryLink) -> None:
        """A greenlet: once a second, tell how far we are; while the file comes, that we are there."""
        try:
            while True:
                gevent.sleep(SECONDS)
                if self.replay is None:
                    link.send_bytes(b"\n")
                else:
                    self.acknowledge()
        except LinkError:
            link.close()

    def acknowledge(self) -> None:
        """Tell the primary how far we are, and how far on our disk."""
        if self.link is None or self.replay is None:
            return
        words = [b"REPLCONF", b"ACK", b"%d" % self.replay.position]
        if self.state.journal.is_on:
            self.ask_journal(self.replay.position)
            words += [b"FACK", b"%d" % self.synced]
        self.link.send(*words)

    def ask_journal(self, position: int) -> None:
        """Note when the journal has all up to a position on the disk."""

        def note() -> None:
            self.is_syncing = False
            self.synced = max(self.synced, position)

        if not self.is_syncing:
            self.is_syncing = True
            if not self.state.journal.on_wait(note):
                note()

    # ------------------------------------------------------------------ others

    def breathe(self) -> None:
        """Let others in, if this slice is over; a script of theirs may still be amid its work then."""
        self.slices.breathe()
        while self.state.scripting.is_busy:
            gevent.sleep(BUSY_SECONDS)
        self.state.clock.update()


def database_of(facts: dict[bytes, bytes], count: int) -> int:
    """The database in which the stream begins, as far as a snapshot tells."""
    text = facts.get(b"repl-stream-db", b"0")
    index = int(text) if text.isdigit() and len(text) < 10 else 0
    return index if index < count else 0
