"""The connections of MIGRATE: to other servers, kept for some seconds, each used by one migration at a time."""

from __future__ import annotations

import contextlib
from typing import Any

import gevent
import hiredis
from gevent import socket

from geventcache.base import errors
from geventcache.resp.frames import pack
from geventcache.resp.values import OK
from geventcache.server import forks
from geventcache.services.migration import Migration, Target
from geventcache.store.changes import COPY_RANK

KEPT_MS = 10_000
MOST_KEPT = 64
READ_SIZE = 64 << 10
CONNECTING = b"connecting to the client"
WRITING = b"writing to target instance"
READING = b"reading to target instance"
Request = tuple[bytes, ...]


class LinkError(Exception):
    """The connection broke, or the time was over; `doing` says what could not be done."""

    def __init__(self, doing: bytes) -> None:
        super().__init__(doing)
        self.doing = doing


class Link:
    """A connection to another server.

    Attributes:
        place: its host and port.
        database: the one that is selected there, None if nobody knows.
        used_ms: when it was used last.
        is_fresh: nothing was answered yet.
    """

    def __init__(self, target: Target) -> None:
        """Connect.

        Raises:
            LinkError: nobody answers there.
        """
        self.place = (target.host, target.port)
        self.database: int | None = 0
        self.used_ms = 0
        self.is_fresh = True
        self.reader = hiredis.Reader()
        try:
            self.sock = socket.create_connection((target.host, int(target.port)), target.timeout_ms / 1000)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except ConnectionRefusedError:  # which the reference finds out when it writes
            raise LinkError(WRITING) from None
        except (OSError, ValueError, OverflowError):
            raise LinkError(CONNECTING) from None

    def ask(self, requests: list[Request], timeout_ms: int) -> list[Any]:
        """Send requests in one go, and return the replies, errors as exceptions.

        Raises:
            LinkError: not all of them were answered in time.
        """
        self.sock.settimeout(timeout_ms / 1000)
        try:
            self.sock.sendall(b"".join([pack(request) for request in requests]))
        except OSError:
            raise LinkError(WRITING) from None
        try:
            return [self.reply() for _ in requests]
        except (OSError, hiredis.ProtocolError):
            raise LinkError(READING) from None

    def reply(self) -> Any:
        """The next reply."""
        while (reply := self.reader.gets()) is False:
            data = self.sock.recv(READ_SIZE)
            if not data:
                raise ConnectionResetError
            self.reader.feed(data)
        self.is_fresh = False
        return reply


class Migrating:
    """Runs the migrations of one server, each in a greenlet."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.state.on_migrate = self.begin
        self.links: dict[tuple[bytes, bytes], Link] = self.state.migration_links
        self.running: set[Any] = set()

    def begin(self, migration: Migration) -> None:
        """Begin a migration; its client is about to wait for it."""
        greenlet = gevent.spawn(self.run, migration)
        self.running.add(greenlet)
        greenlet.link(self.running.discard)

    def run(self, migration: Migration) -> None:
        """Send all keys and answer."""
        self.state.changes.listen(migration, COPY_RANK)
        try:
            self.send_all(migration)
        except LinkError as error:
            migration.fail(errors.io_error(error.doing))
        except Exception as error:  # a defect of ours: the client must not wait for ever
            migration.fail(self.state.on_defect(error, b"migrate"))
        finally:
            self.state.changes.ignore(migration)
        self.state.clock.update()
        migration.answer(OK)
        self.server.end_turn()

    def send_all(self, migration: Migration) -> None:
        """Send part after part, over one connection."""
        link = self.link_to(migration.target)
        try:
            while migration.error is None:
                self.state.clock.update()
                requests = migration.next_part()
                if not requests:
                    break
                link = self.send(link, migration, requests)
                self.server.end_turn()
        except BaseException:
            link.sock.close()
            raise
        self.keep(link)

    def send(self, link: Link, migration: Migration, requests: list[Request]) -> Link:
        """Send one part, over a new connection if the one that was kept has broken; return the one that was used."""
        target = migration.target
        opening = opening_requests(link, target)
        try:
            replies = link.ask([*opening, *requests], target.timeout_ms)
        except LinkError:
            if not link.is_fresh or link.used_ms == 0:
                raise
            link.sock.close()
            return self.send(Link(target), migration, requests)
        self.state.clock.update()
        link.database = target.database
        for reply in replies[: len(opening)]:
            if isinstance(reply, Exception):
                migration.refuse(reply)
        if migration.error is None:
            migration.take(replies[len(opening) :])
        if migration.error is not None:
            link.database = None
        return link

    # ------------------------------------------------------------------ connections

    def link_to(self, target: Target) -> Link:
        """A connection that nobody uses.

        Raises:
            LinkError: there is none to be had.
        """
        link = self.links.pop((target.host, target.port), None)
        if link is None:
            return Link(target)
        link.is_fresh = True
        return link

    def keep(self, link: Link) -> None:
        """Keep a connection for the next one who needs it."""
        link.used_ms = self.state.clock.now_ms
        if link.place in self.links or len(self.links) >= MOST_KEPT:
            link.sock.close()
        else:
            self.links[link.place] = link

    def tick(self) -> None:
        """Once a second: close what was not used for long."""
        now_ms = self.state.clock.now_ms
        for link in list(self.links.values()):
            if now_ms - link.used_ms > KEPT_MS:
                self.links.pop(link.place).sock.close()

    def stop(self) -> None:
        """End all migrations and close all connections."""
        gevent.killall(list(self.running))
        for link in self.links.values():
            link.sock.close()
        self.links.clear()

    def abandon(self) -> None:
        """In a forked process: migrations and sockets are the other's."""
        gevent.killall(list(self.running), block=False)
        for link in self.links.values():
            with contextlib.suppress(OSError):
                forks.let_go(link.sock)


def opening_requests(link: Link, target: Target) -> list[Request]:
    """What goes before the keys: who we are, and which database they are for."""
    requests: list[Request] = []
    if target.credentials:
        requests.append((b"AUTH", *target.credentials))
    if link.database != target.database:
        requests.append((b"SELECT", b"%d" % target.database))
    return requests
