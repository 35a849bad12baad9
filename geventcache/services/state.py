"""All that a server knows, in one place: its databases, clients and services, composed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from geventcache.base.clock import Clock
from geventcache.base.errors import NO_MEMORY, printable
from geventcache.command.secrets import declaration_of
from geventcache.resp.requests import size_of
from geventcache.services.access import auth
from geventcache.services.access.acl import Acl
from geventcache.services.clients import Client, Clients
from geventcache.services.expire_streams import ExpireStreams
from geventcache.services.extensions import Extensions
from geventcache.services.faults import Faults
from geventcache.services.journal import Journal
from geventcache.services.limits.client_memory import ClientMemory
from geventcache.services.limits.memory_limit import MemoryLimit
from geventcache.services.listeners.notify import Notifications
from geventcache.services.listeners.tracking import Tracking
from geventcache.services.listeners.waiters import Waiters
from geventcache.services.listeners.watch import Watch
from geventcache.services.losses import Losses
from geventcache.services.observing.client_report import type_of
from geventcache.services.observing.command_log import NEVER, CommandLog
from geventcache.services.observing.latency import LatencyMonitor
from geventcache.services.observing.memory import Memory
from geventcache.services.observing.monitor import Monitors
from geventcache.services.observing.stats import Stats
from geventcache.services.pubsub import PubSub
from geventcache.services.replication.service import Replication
from geventcache.services.runner import Runner
from geventcache.services.scripting.service import Scripting
from geventcache.services.settings.addresses import Address
from geventcache.services.settings.config import Config
from geventcache.services.shards.cluster import Cluster, Topology
from geventcache.services.shutdown import Shutdown
from geventcache.services.snapshots import Snapshots
from geventcache.store.databases import Databases
from geventcache.store.keyspace import Keyspace

CLIENT_PAUSE = "client_pause"
FOREVER_MS = 1 << 60
# What each client and `Stats` count, by the names of their attributes.
TRAFFIC = ("bytes_in", "bytes_out", "reads", "writes")

# Names of classes in client-output-buffer-limit, by those of clients.
OUTPUT_CLASSES = {b"normal": b"normal", b"primary": b"normal", b"pubsub": b"pubsub", b"replica": b"slave"}


class ServerState:
    """The state of one server.

    Attributes:
        clock, config, table: its clock, its settings, its commands (a CommandTable).
        databases: its data; `changes` tells of what happens to it.
        clients, acl, waiters, watch, tracking, monitors, pubsub, notifications, stats, memory, memory_limit,
            client_memory, snapshots, journal, replication, slow_log, large_requests, large_replies, latency, faults,
            losses, expire_streams, extensions: services.
        upstream: what takes requests to the server that has the data, None if that is this one.
        cluster: the shards that this server is one of, None if it stands alone.
        is_in_doubt: `doubt` was called since somebody made it False, who wants to know.
        pushed: clients whose outbox is to be emptied at the end of the turn; chores: what else is to be done then.
        engine, expiry, cron, travel: the Engine that runs the commands, the server's timers, and what moves the time by
            hand; None until there are some.
        log: a structlog logger.
        addresses: what the server listens on.
        config_file: the path of the file that the settings come from, if there is one; on_config_rewrite: keeps what
            was changed of them at run time, None without a file.
        shutdown: the end of the server; on_shutdown: called when SHUTDOWN has nothing to wait for any more.
        pauses: until when clients are held back, and whether with all commands, by the reason.
        pause_until_ms: when the first of these is over, 0 while there is none; pauses_all: one is of all commands.
        on_travel: called with a client, a function that moves the time, and what the client gets afterwards; returns
            what its command returns.
        on_migrate: called with the Migration of MIGRATE; None if nobody can run it. migration_links: the connections
            that are kept for the next one.
        let_clients_in: called by a script that runs for long; False if the server is to stop.
    """

    def __init__(self, clock: Clock, config: Config, table: Any, log: Any, topology: Topology | None = None) -> None:
        self.clock = clock
        self.config = config
        self.table = table
        self.log = log
        self.cluster = Cluster(topology, config) if topology is not None else None
        config.note("cluster-enabled", b"yes" if self.cluster else b"no")
        self.databases = Databases(config["cluster-databases" if self.cluster else "databases"], clock)
        self.changes = self.databases.changes
        self.clients = Clients()
        self.acl = Acl(self)
        self.waiters = Waiters(self.changes)
        self.watch = Watch(self.changes)
        self.tracking = Tracking(self, config)
        self.monitors = Monitors(self)
        self.pubsub = PubSub()
        self.notifications = Notifications(self.changes, config, self.pubsub)
        self.stats = Stats()
        self.slow_log = CommandLog(config, "slowlog-log-slower-than", "slowlog-max-len")
        self.large_requests = CommandLog(config, "commandlog-request-larger-than", "commandlog-large-request-max-len")
        self.large_replies = CommandLog(config, "commandlog-reply-larger-than", "commandlog-large-reply-max-len")
        self.latency = LatencyMonitor(config)
        self.scripting = Scripting(self)
        self.faults = Faults(self)
        self.losses = Losses(self)
        self.snapshots = Snapshots(self)
        self.journal = Journal(self)
        self.replication = Replication(self)
        self.is_in_doubt = False
        self.pushed: list[Client] = []
        self.chores: list[Callable[[], None]] = []
        self.engine = cast(Runner, None)  # until `attach`
        self.upstream: Any = None
        self.addresses: list[Address] = []
        self.config_file = ""
        self.on_config_rewrite: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] = lambda: None
        self.on_travel: Callable[[Client, Callable[[], None], Any], Any] = lambda client, travel, reply: reply
        self.on_migrate: Callable[[Any], None] | None = None
        self.migration_links: dict[Any, Any] = {}
        self.shutdown = Shutdown(self)
        self.pauses: dict[str, tuple[int, bool]] = {}
        self.pause_until_ms = 0
        self.pauses_all = False
        self.on_resume: Callable[[], None] = lambda: None
        self.let_clients_in: Callable[[], bool] = lambda: True
        self.is_active_expire = True
        self.expiry: Any = None
        self.cron: Any = None
        self.travel: Any = None
        self.follow_limits()
        self.expire_streams = ExpireStreams(self)
        self.extensions = Extensions(self)
        self.client_memory = ClientMemory(self)
        self.memory_limit = MemoryLimit(self)
        self.memory = Memory(self.memory_limit)
        self.table.measure(config["latency-tracking"])
        config.on_change("latency-tracking", self.table.measure)

    def follow_limits(self) -> None:
        """Let the encoding limits of the databases be what the settings say."""
        limits = self.databases.limits
        for attribute in (name for name in dir(limits) if not name.startswith("_")):
            name = attribute.replace("_", "-")
            setattr(limits, attribute, self.config[name])
            self.config.on_change(name, partial(setattr, limits, attribute))

    def attach(self, engine: Runner) -> None:
        """Let an engine run the commands and report those that are slow."""
        self.engine = engine
        self.review()
        self.set_thresholds()
        for name in (
            "slowlog-log-slower-than",
            "latency-monitor-threshold",
            "commandlog-request-larger-than",
            "commandlog-reply-larger-than",
        ):
            self.config.on_change(name, lambda _: self.set_thresholds())

    def set_thresholds(self) -> None:
        """Tell the engine from when on a command is for one of the logs or for the latency monitor."""
        self.engine.slow_us = min(self.slow_log.threshold, self.latency.threshold_us or NEVER)
        self.engine.large_request = self.large_requests.threshold
        self.engine.large_reply = self.large_replies.threshold

    def new_client(self) -> Client:
        """A client of database 0, not yet registered."""
        return Client(self, self.databases.get(0))

    def review(self) -> None:
        """Find out anew whether the gate has to look at every command; to be called when one of the reasons changed."""
        if self.engine is not None:
            asks = self.engine.gate.review()
            self.engine.is_special = asks or bool(self.monitors) or self.pause_until_ms > 0

    def before_command(self, client: Client, command: Any, args: list[bytes]) -> None:
        """A command of a special client or server is about to be called."""
        if client.no_touch:
            self.databases.pause_uses(True)
        if self.monitors:
            self.monitors.before_command(client, command, args)

    def after_command(self, client: Client, command: Any, args: list[bytes]) -> None:
        """A command of a special server, or of a special client, has been called."""
        if self.databases.are_uses_paused and client is self.engine.current and not client.is_in_exec:
            self.databases.pause_uses(False)
        if client.tracking is not None:
            self.tracking.after_command(client, command, args)
        if self.monitors:
            self.monitors.after_command(client, command, args)
        if self.faults.met and client is self.engine.current and not client.is_in_exec:
            self.faults.after_command(client)

    def enter(self, client: Client) -> None:
        """A connection has come."""
        self.clients.add(client)
        auth.begin(client)

    def reset(self, client: Client) -> None:
        """A client begins anew: what is left are its connection and what it said about its library."""
        self.forget(client)
        client.name = b""
        client.no_evict = client.no_touch = False
        self.databases.pause_uses(False)
        client.initialise(self.databases.get(0))
        auth.begin(client)

    def leave(self, client: Client) -> None:
        """A connection has gone: nothing of it stays anywhere."""
        self.waiters.release(client)
        if client.relay is not None:
            client.relay.close()
        self.replication.detach(client)
        try:
            self.forget(client)
        finally:
            self.clients.remove(client)
        for name in TRAFFIC:
            setattr(self.stats, name, getattr(self.stats, name) + getattr(client, name))

    def forget(self, client: Client) -> None:
        """A client leaves, or begins anew: its transaction, its subscriptions and what it watches are over."""
        self.end_transaction(client)
        if client.relay is not None:
            client.relay.unpin()
        self.pubsub.forget(client)
        self.tracking.stop(client)
        self.monitors.remove(client)
        self.faults.forget(client)
        client.review()

    def end_transaction(self, client: Client) -> None:
        """The queue since MULTI and the watched keys are forgotten."""
        client.queue = None
        client.queue_error = False
        self.watch.forget(client)
        client.review()

    def traffic(self, name: str) -> int:
        """What of `TRAFFIC` all clients together have had."""
        total: int = getattr(self.stats, name)
        return total + sum(int(getattr(client, name)) for client in self.clients)

    def reset_statistics(self) -> None:
        """CONFIG RESETSTAT: count from zero, all that INFO counts."""
        self.stats.reset()
        for name in TRAFFIC:
            setattr(self.stats, name, -sum(getattr(client, name) for client in self.clients))
        self.replication.reset_counters()
        self.clients.accepted = self.clients.rejected = self.clients.overflown = self.client_memory.evicted = 0
        self.table.reset()
        for keyspace in self.databases.existing():
            keyspace.hits = keyspace.misses = keyspace.expired = keyspace.expired_elements = keyspace.evicted = 0
        if self.expiry is not None:
            self.expiry.reset_counters()

    # ------------------------------------------------------------------ pause

    def pause(self, until_ms: int, pauses_all: bool, reason: str = CLIENT_PAUSE) -> None:
        """Hold back commands (all, or those that may write) until a time; a running pause is only made stronger."""
        before_ms, paused_all = self.pauses.get(reason, (0, False))
        self.pauses[reason] = max(before_ms, until_ms), paused_all or pauses_all
        self.review_pauses()

    def hold_writes(self, reason: str) -> None:
        """Hold back commands that may write, until `resume` with the same reason."""
        self.pause(FOREVER_MS, False, reason)

    def resume(self, reason: str = CLIENT_PAUSE) -> None:
        """End a pause; postponed clients go on, as far as there is no other one."""
        self.pauses.pop(reason, None)
        self.review_pauses()
        self.on_resume()

    def end_pauses(self) -> None:
        """End those whose time is over."""
        for reason, (until_ms, _) in list(self.pauses.items()):
            if until_ms <= self.clock.now_ms:
                self.resume(reason)

    def review_pauses(self) -> None:
        """There is one more, or one less."""
        self.pause_until_ms = min((until_ms for until_ms, _ in self.pauses.values()), default=0)
        self.pauses_all = any(pauses_all for _, pauses_all in self.pauses.values())
        self.review()

    def is_paused_for(self, client: Client, command: Any, args: list[bytes]) -> bool:
        """Must this call wait for the end of the pause?"""
        if not self.pause_until_ms or client.is_script or client.is_in_exec:
            return False
        if self.pause_until_ms <= self.clock.now_ms:
            self.end_pauses()
            if not self.pauses:
                return False
        if self.pauses_all:
            return True
        if command.runs_queue:
            return any(self.may_write(queued, request) for queued, request in client.queue or ())
        return self.may_write(command, args)

    def may_write(self, command: Any, args: list[bytes]) -> bool:
        """May this call write or send messages? A script or a function may, unless it says that it only reads."""
        if not command.may_write:
            return False
        of_script = command.declaration.rules
        rules = None if of_script is None else of_script(self.scripting, args)
        return rules is None or not rules.is_read_only

    # ------------------------------------------------------------------ limits and reports

    def is_out_of_memory(self, keyspace: Keyspace) -> bool:
        """Make room if it is needed; True if a command that needs memory must be refused in a database."""
        return self.memory_limit.is_short(keyspace)

    def exceeds_output_limit(self, client: Client) -> bool:
        """Does the client leave more unread than client-output-buffer-limit allows (at once, or for some time)?"""
        if self.client_memory.exceeds_alone(client):
            return True
        unsent = self.replication.unsent(client)
        limit = self.config["client-output-buffer-limit"][OUTPUT_CLASSES[type_of(client)]]
        if limit.hard and unsent >= self.hard_limit(client, limit.hard):
            self.clients.overflown += 1
            return True
        if not limit.soft or unsent < limit.soft:
            client.soft_since_ms = 0
            return False
        if not client.soft_since_ms:
            client.soft_since_ms = self.clock.now_ms
        if self.clock.now_ms - client.soft_since_ms <= limit.seconds * 1000:
            return False
        self.clients.overflown += 1
        return True

    def hard_limit(self, client: Client, limit: int) -> int:
        """The hard limit of a client: a replica may always be as far behind as the backlog is long."""
        return max(limit, self.config["repl-backlog-size"]) if type_of(client) == b"replica" else limit

    def on_slow_command(self, client: Client, command: Any, args: list[Any], usec: int) -> None:
        """A command took long enough for the slow log, or for the latency monitor."""
        if command.is_logged:
            self.slow_log.note(client, command, args, usec)
        event = b"fast-command" if "fast" in command.declaration.flags else b"command"
        self.latency.note(event, usec, self.clock.real_ms() // 1000)

    def on_large_reply(self, client: Client, command: Any, args: list[Any], size: int) -> None:
        """The reply of a command is large enough for its log; what EXEC ran was looked at by itself."""
        if command.is_logged:
            self.large_replies.note(client, command, args, size)

    def on_large_input(self, client: Client, requests: list[list[bytes]]) -> None:
        """Among these requests, which have just arrived, may be some that are large enough for their log."""
        for args in requests:
            command = self.table.find(args)
            if command is not None and command.handler is not None:
                self.large_requests.note(client, command, args, size_of(args))

    def doubt(self) -> None:
        """A change may have been made that not all have heard of, because of an exception.

        So all who wait for keys try again, whatever is watched counts as changed, and what clients have read is out of
        date.
        """
        self.is_in_doubt = True
        for keyspace in self.databases.existing():
            self.waiters.look_at(keyspace)
        self.watch.doubt()
        self.tracking.doubt()

    def on_defect(self, error: Exception, name: bytes) -> bytes:
        """A command raised what it must not: log it and return the error text for the client. Raises nothing itself.

        The words of an error may be those of the request: where that has secrets, the log gets kind and place alone.
        """
        try:
            if isinstance(error, MemoryError):
                self.log.error("out_of_memory", command=name.decode())
                return NO_MEMORY
            declaration = declaration_of(name.split(b"|"))
            if declaration is None or declaration.secrets is None:
                self.log.error("command_failed", command=name.decode(), error=repr(error), exc_info=error)
            else:
                self.log_place("command_failed", error, command=name.decode())
            return printable(b"ERR internal error in '%b': %b" % (name, type(error).__name__.encode()))
        except MemoryError:
            return NO_MEMORY

    def on_lost(self, error: Exception, client: Client) -> None:
        """An exception ended a connection: log it. Raises nothing itself."""
        try:  # noqa: SIM105 (`suppress` is an object that takes memory)
            self.log_place("connection_failed", error, client=client.id)
        except MemoryError:
            pass

    def log_place(self, event: str, error: Exception, **fields: object) -> None:
        """Log the kind and the place of an exception without its words, which may be a secret of a request."""
        trace = "".join(traceback.format_tb(error.__traceback__))
        self.log.error(event, error=type(error).__name__, trace=trace, **fields)
