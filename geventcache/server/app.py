"""The server: listeners, connections, timers; started and stopped as one.

A `Server` runs on the gevent hub of the thread that starts it, beside whatever else runs there.
"""

from __future__ import annotations

import contextlib
import gc
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent import get_hub
from gevent.event import Event
from gevent.socket import socket as green_socket

from geventcache.base import errors
from geventcache.base.clock import Clock
from geventcache.base.errors import CommandError
from geventcache.command.table import CommandTable
from geventcache.commands import load_commands
from geventcache.engine.engine import Engine
from geventcache.resp.reader import RequestReader
from geventcache.server import forks
from geventcache.server.bus import Bus
from geventcache.server.connection import Arrivals, Connection, new_buffer
from geventcache.server.cron import Cron
from geventcache.server.descriptors import Acceptor, make_room, open_files, reserve_now
from geventcache.server.expiry import Expiry
from geventcache.server.failover import FailoverRun
from geventcache.server.feeding import Feeding
from geventcache.server.following import Following
from geventcache.server.journaling import Journaling
from geventcache.server.listening import Listening, close_all, listen_on, name_of, remove_path
from geventcache.server.migrating import Migrating
from geventcache.server.saving import Saving
from geventcache.server.shutdown import ShutdownRun
from geventcache.server.slices import TINY_SECONDS
from geventcache.server.tls import Tls, TlsStream
from geventcache.server.travel import Travel
from geventcache.services.clients import Client
from geventcache.services.settings.addresses import Address
from geventcache.services.settings.binding import listen_addresses
from geventcache.services.settings.config import Config
from geventcache.services.settings.kinds import InvalidSettingError
from geventcache.services.shards.cluster import Topology
from geventcache.services.state import ServerState

NO_ROOM = "The operating system is not able to handle the specified number of clients, try with %d"
PROTECTED = (
    b"-DENIED geventcache is in protected mode: no password is set, so only clients on this machine are served. "
    b"Set requirepass, or protected-mode no if the network is trusted, or connect from this machine.\r\n"
)


class Server:
    """One server.

    Args:
        topology: all shards, if it is one of several.
        bus: its unix socket, which listens, and the addresses of those of all shards.

    Attributes:
        config, state, engine, expiry, bus: its parts; a bus only for one of several shards.
        addresses: what it listens on, real ports included, as soon as it has started.
        thread: the one whose hub it runs on, as soon as it has started.
        owns_process: nothing else runs in the process, whose garbage collector is the server's to drive.
        companions: what is started and stopped with it, and abandoned in a forked process; each with the number of
            `descriptors` that it needs.
    """

    def __init__(
        self,
        config: Config,
        log: Any,
        clock: Clock | None = None,
        topology: Topology | None = None,
        bus: tuple[socket.socket, Sequence[str]] | None = None,
    ) -> None:
        load_commands()
        self.config = config
        self.log = log
        self.state = ServerState(clock or Clock(), config, CommandTable(), log, topology)
        self.engine = Engine(self.state)
        self.state.on_resume = self.resume
        self.state.let_clients_in = self.let_clients_in
        self.state.on_shutdown = self.state.shutdown.on_signalled = self.request_stop
        self.expiry = Expiry(self.state, self.end_turn, log)
        self.state.expiry = self.expiry
        self.cron = Cron(self)
        self.state.cron = self.cron
        self.saving = Saving(self)
        self.journaling = Journaling(self)
        self.migrating = Migrating(self)
        self.travel = Travel(self)
        self.state.travel = self.travel
        self.feeding = Feeding(self)
        self.following = Following(self)
        self.failover = FailoverRun(self)
        self.shutdown = ShutdownRun(self)
        self.buffer = new_buffer()
        self.upstream = near_side(self) if config["upstream"] else None
        self.bus = Bus(self, *bus) if bus is not None else None
        self.listeners: list[Acceptor] = []
        self.companions: list[Any] = [] if self.upstream is None else [self.upstream]
        self.own_addresses: list[Address] = []
        self.tls: Tls | None = None
        self.shaking_hands: set[Any] = set()
        self.postponed: list[Connection] = []
        self.delayed: set[Any] = set()
        self.deferred: list[Connection] = []
        self.defer_timer: Any = None
        self.arrivals: Arrivals | None = None
        self.stopping = Event()
        self.is_stopping = False
        self.loads = True
        self.owns_process = False
        self.thread = 0
        self.reserve = 0

    # ------------------------------------------------------------------ start and stop

    @property
    def addresses(self) -> list[Address]:
        """What the server listens on."""
        return self.state.addresses

    def start(self, sockets: Sequence[Listening] = (), loads: bool = True) -> None:
        """Listen and serve; `load` is to follow.

        Args:
            sockets: listening ones with their addresses, to be served instead of those that the settings name. Their
                paths are not this server's to remove.
            loads: what was saved is loaded by `load`; else that does nothing.

        Raises:
            ListenError: an address is taken or wrong; nothing is listened on then.
            OSError: the users cannot be read from the aclfile, or the certificates of TLS from theirs.
        """
        if self.config["aclfile"]:
            self.load_users()
        addresses = [address for _, address in sockets] or listen_addresses(self.config)
        if any(address.is_tls for address in addresses):
            self.tls = Tls(self.config, self.log)
        if addresses:
            self.make_room()
        bound = [] if sockets else listen_on(addresses, self.config, self.log)
        try:
            for companion in self.companions:
                companion.start()
        except OSError:
            close_all(bound)
            raise
        self.own_addresses = [address for _, address in bound]
        self.thread = forks.thread_id()
        forks.watch(self)
        self.defer_timer = get_hub().loop.timer(TINY_SECONDS)
        self.arrivals = Arrivals()
        self.loads = loads and self.upstream is None
        if self.loads:
            self.journaling.announce()
        for sock, address in sockets or bound:
            self.accept_on(sock, address)
        if self.bus is not None:
            self.bus.start()
        self.feeding.start()
        self.expiry.start()
        self.cron.start()

    def make_room(self) -> None:
        """Get as many open files as maxclients needs, or lower it.

        Raises:
            OSError: there is no room for any client.
        """
        asked = self.config["maxclients"]
        self.reserve = reserve_now() + sum(companion.descriptors for companion in self.companions)
        room = make_room(asked, self.reserve)
        if not room:
            raise OSError(f"the limit of {open_files()} open files leaves no room for clients")
        if room < asked:
            self.config.load("maxclients", b"%d" % room)
            self.log.warning("maxclients_lowered", asked=asked, maxclients=room, open_files=open_files())
        self.config.on_change("maxclients", self.check_room)

    def check_room(self, clients: int) -> None:
        """The setting maxclients has changed.

        Raises:
            InvalidSettingError: there are not as many open files to be had.
        """
        room = make_room(clients, self.reserve)
        if room < clients:
            raise InvalidSettingError(NO_ROOM % room)

    def load(self) -> None:
        """Load the data that were saved, if settings ask for it; clients are told to wait meanwhile.

        Then another server is followed, if a setting says so.

        Raises:
            OSError: they cannot be read, or the journal not be written; the server has stopped.
        """
        try:
            self.journaling.load(self.loads)
        except OSError:
            self.stop()
            raise
        place = self.config["replicaof"].split()
        if place and not self.stopping.is_set():
            self.state.replication.follow(place[0], int(place[1]))

    def load_users(self) -> None:
        """Read the users from their file.

        Raises:
            OSError: it cannot be read, or something in it is wrong.
        """
        try:
            self.state.acl.load()
        except CommandError as error:
            raise OSError(error.text.decode("utf-8", "replace").removeprefix("ERR ")) from None

    def accept_on(self, sock: socket.socket, address: Address) -> None:
        """Serve who connects to a listening socket."""
        handle = self.handle_tls if address.is_tls else self.handle
        listener = Acceptor(green_socket(fileno=sock.detach()), handle, self.log, address.is_tls)
        listener.start()
        self.listeners.append(listener)
        self.state.addresses.append(address)
        self.log.info("listening", address=str(address))

    def close_listeners(self) -> None:
        """Accept nobody any more."""
        for listener in self.listeners:
            listener.close()
        for address in self.own_addresses:
            remove_path(address)
        self.listeners.clear()

    def request_stop(self) -> None:
        """Let `serve_forever` come back; may be called from anywhere on the hub."""
        self.stopping.set()

    def serve_forever(self) -> None:
        """Wait for `request_stop`, then stop."""
        self.stopping.wait()
        self.stop()

    def stop(self) -> None:
        """Accept nobody, let running requests finish and their answers go out, close all. May be called twice."""
        if self.is_stopping:
            return
        self.is_stopping = True
        self.close_listeners()
        for sock in list(self.shaking_hands):
            sock.close()
        self.failover.stop()
        self.shutdown.stop()
        self.following.stop()
        self.feeding.stop()
        self.expiry.stop()
        self.cron.stop()
        self.journaling.writer.give_up()
        for client in self.state.clients:
            if client.relay is None or not client.transport.end_input():
                client.close()
        with gevent.Timeout(self.config["graceful-timeout"], False):
            while len(self.state.clients):
                gevent.sleep(0.001)
        for client in self.state.clients:
            if client.transport is not None:
                client.transport.break_off()
        if self.bus is not None:
            self.bus.stop()
        for companion in self.companions:
            companion.stop()
        self.migrating.stop()
        self.travel.stop()
        gevent.killall(list(self.delayed))
        self.saving.stop()
        self.journaling.stop()
        if self.upstream is None:
            self.state.snapshots.save_at_end()
        gevent.sleep(0)
        self.close_watchers()
        forks.unwatch(self)

    def close_watchers(self) -> None:
        """Close those that are not a connection's, a listener's or the timers' of expiry and cron."""
        if self.defer_timer is not None:
            self.defer_timer.stop()
            self.defer_timer.close()
            self.defer_timer = None
        if self.arrivals is not None:
            self.arrivals.close()

    def abandon(self) -> None:
        """In a forked process: the server is the other's, so close what came along, and touch nothing else."""
        self.is_stopping = True
        self.own_addresses = []
        is_own_hub = forks.thread_id() == self.thread
        if is_own_hub:
            for listener in self.listeners:
                listener.stop_accepting()
            self.expiry.abandon()
            self.cron.stop()
            self.saving.cancel()
            self.journaling.abandon()
            self.migrating.abandon()
            self.travel.abandon()
            self.following.abandon()
            gevent.killall(list(self.delayed), block=False)
            self.feeding.abandon()
            self.close_watchers()
        for client in self.state.clients:
            if client.transport is not None:
                client.transport.abandon(is_own_hub)
        for sock in (*(listener.socket for listener in self.listeners), *self.shaking_hands):
            forks.let_go(sock)
        if self.bus is not None:
            self.bus.abandon()
        for companion in self.companions:
            companion.abandon(is_own_hub)

    # ------------------------------------------------------------------ clients

    def handle_tls(self, sock: Any, address: Any) -> None:
        """Agree on TLS with a new connection and serve it, in a greenlet of its own."""
        if self.tls is None or len(self.state.clients) + len(self.shaking_hands) >= self.config["maxclients"]:
            self.state.clients.rejected += 1
            sock.close()
            return
        stream = TlsStream(sock, self.tls.context)
        self.shaking_hands.add(sock)
        try:
            stream.shake_hands()
        except OSError as error:
            self.log.info("tls_refused", client=name_of(address).decode(), reason=str(error))
            sock.close()
            return
        finally:
            self.shaking_hands.discard(sock)
        self.handle(sock, address, stream)

    def handle(self, sock: Any, address: Any, stream: TlsStream | None = None) -> None:
        """Serve a new connection, in a greenlet of its own."""
        if self.state.faults and self.state.faults.refuses():
            reset(sock)
            return
        refusal = self.refusal(sock, address)
        if refusal:
            self.state.clients.rejected += 1
            with contextlib.suppress(OSError):
                (sock if stream is None else stream).send(refusal, 0)
            sock.close()
            return
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.set_keepalive(sock)
        client = self.state.new_client()
        client.address, client.local_address = peer_names(sock, address)
        connection = Connection(self, sock, client, stream)
        self.state.enter(client)
        connection.serve()

    def refusal(self, sock: Any, address: Any) -> bytes:
        """Why a new connection is not served; empty if it is."""
        if len(self.state.clients) >= self.config["maxclients"]:
            return b"-%b\r\n" % errors.MAX_CLIENTS
        if self.config["protected-mode"] and self.state.acl.default.is_open and not is_local(sock, address):
            return PROTECTED
        return b""

    def set_keepalive(self, sock: Any) -> None:
        """Let the kernel find dead peers, as tcp-keepalive says."""
        seconds = self.config["tcp-keepalive"]
        if not seconds:
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(seconds // 3, 1))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

    def new_reader(self) -> RequestReader:
        """A reader with the limits of the settings."""
        return RequestReader(self.config["proto-max-bulk-len"], self.config["client-query-buffer-limit"])

    def leave(self, client: Client) -> None:
        """A connection has ended."""
        self.state.leave(client)
        self.end_turn()

    def exceeds_output_limit(self, client: Client) -> bool:
        """Does the client leave more unread than client-output-buffer-limit allows?"""
        return self.state.exceeds_output_limit(client)

    # ------------------------------------------------------------------ turns

    def end_turn(self) -> None:
        """After commands ran, or keys expired: serve who waited, send what was pushed to others, do the chores left."""
        state = self.state
        if state.waiters.ready:
            self.engine.serve_waiters()
        undone: list[Callable[[], None]] = []
        while state.pushed or state.chores:
            pushed, state.pushed[:] = list(state.pushed), []
            for client in pushed:
                if client.transport is not None:
                    client.transport.deliver()
            while state.chores:
                self.do_chore(state.chores.pop(0), undone)
        state.chores += undone
        if self.engine.effects is not None:
            self.engine.effects.is_held = False

    def do_chore(self, chore: Callable[[], None], undone: list[Callable[[], None]]) -> None:
        """Do a chore; one for which there is no memory is left for the end of a later turn."""
        try:
            chore()
        except MemoryError:
            undone.append(chore)
        except Exception as error:  # the chores after it are no less needed
            self.log.error("chore_failed", error=repr(error), exc_info=error)

    def let_clients_in(self) -> bool:
        """In the middle of a long script: let the loop turn once. False if the server is to stop."""
        kept = self.engine.set_aside()
        try:
            gevent.sleep(TINY_SECONDS)
        finally:
            self.engine.put_back(kept)
        return not self.stopping.is_set()

    def defer(self, connection: Connection) -> None:
        """Continue a connection after the loop has polled."""
        self.deferred.append(connection)
        if len(self.deferred) == 1:
            self.defer_timer.start(self.continue_deferred)

    def continue_deferred(self) -> None:
        """The timer's callback: continue those that had used up their turn."""
        self.defer_timer.stop()
        deferred, self.deferred = self.deferred, []
        for connection in deferred:
            connection.resume()

    def postpone(self, connection: Connection) -> None:
        """Continue a connection after the pause, or after the delay that a fault is."""
        delay_ms = self.state.faults.delays.pop(connection.client, None)
        if delay_ms is None:
            self.postponed.append(connection)
            self.cron.watch_pause()
        else:
            greenlet = gevent.spawn_later(delay_ms / 1000, self.go_on, connection)
            self.delayed.add(greenlet)
            greenlet.link(self.delayed.discard)

    def resume(self) -> None:
        """The pause is over."""
        postponed, self.postponed = self.postponed, []
        for connection in postponed:
            self.go_on(connection)

    def go_on(self, connection: Connection) -> None:
        """A connection is postponed no longer."""
        connection.client.postponed = False
        connection.client.hold()
        connection.wake()


def reset(sock: Any) -> None:
    """Close a connection as one that was never there."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def near_side(server: Server) -> Any:
    """What takes requests to the upstream; who has none does not load it."""
    from geventcache.upstream.upstream import Upstream

    return Upstream(server, forks.let_go)


def peer_names(sock: Any, address: Any) -> tuple[bytes, bytes]:
    """Both ends of a connection, as CLIENT LIST shows them."""
    if sock.family == socket.AF_UNIX:
        path = f"{sock.getsockname()}:0".encode()
        return path, path
    return name_of(address), name_of(sock.getsockname())


def is_local(sock: Any, address: Any) -> bool:
    """Does a connection come from this machine?"""
    return sock.family == socket.AF_UNIX or address[0] in ("::1", "::ffff:127.0.0.1") or address[0].startswith("127.")


def tame_garbage_collector() -> None:
    """No automatic collections: a full one stalls by the size of the data. `Cron` collects young objects when idle."""
    gc.collect()
    gc.freeze()
    gc.disable()
