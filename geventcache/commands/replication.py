"""Replication: whom the server follows, and what clients ask about that."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import command
from geventcache.command.integers import at_least, integer
from geventcache.command.timeouts import parse_timeout_ms
from geventcache.resp.values import NO_REPLY, OK, Simple
from geventcache.services.clients import Client
from geventcache.services.replication import facts
from geventcache.services.replication.failover import Failover
from geventcache.services.replication.replicas import Replica
from geventcache.services.replication.service import Waiting
from geventcache.services.settings.addresses import HIGHEST_PORT

CONNECTED_ALREADY = Simple(b"OK Already connected to specified master")
PLACE = "args(host-port{host port:integer} | no-one{NO ONE})"


@command(
    "WAIT",
    "generic",
    arity=3,
    flags="blocking",
    acl="connection",
    since="3.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:agg_min",
    args="numreplicas:integer timeout:integer",
)
def wait(ctx: Client, numreplicas: bytes, timeout: bytes):
    """Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed."""
    replication = ctx.server.replication
    if replication.primary is not None:
        raise CommandError(errors.WAIT_AT_REPLICA)
    replicas = integer(numreplicas)
    timeout_ms = parse_timeout_ms(timeout, ctx.db.clock.now_ms)
    return replication.wait_for(ctx, Waiting(replicas, replication.position_of(ctx), timeout_ms))


@command(
    "WAITAOF",
    "generic",
    arity=4,
    flags="blocking",
    acl="connection",
    since="7.2.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:agg_min",
    args="numlocal:integer numreplicas:integer timeout:integer",
)
def waitaof(ctx: Client, numlocal: bytes, numreplicas: bytes, timeout: bytes):
    """Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the primary and/or replicas."""  # noqa: E501 - the reference's words
    if ctx.server.replication.primary is not None:
        raise CommandError(errors.WAITAOF_AT_REPLICA)
    local = integer(numlocal)
    if not 0 <= local <= 1:
        raise CommandError(errors.NOT_ZERO_OR_ONE)
    replicas = at_least(numreplicas, 0, errors.NOT_POSITIVE)
    timeout_ms = parse_timeout_ms(timeout, ctx.db.clock.now_ms)
    journal = ctx.server.journal
    if local and not journal.is_on:
        raise CommandError(errors.NO_APPEND_ONLY_FILE)
    replication = ctx.server.replication
    waiting = Waiting(replicas, replication.position_of(ctx), timeout_ms, on_disk=True, needs_local=local > 0)

    def note_synced():
        waiting.local = 1
        replication.serve_waiting()

    waiting.local = int(journal.is_on and not journal.on_wait(note_synced))
    return replication.wait_for(ctx, waiting)


@command(
    "ROLE",
    "server",
    arity=1,
    flags="noscript loading stale fast",
    acl="admin dangerous",
    since="2.8.12",
    complexity="O(1)",
)
def role(ctx: Client):
    """Returns the replication role."""
    return facts.role(ctx.server)


@command(
    "REPLICAOF",
    "server",
    arity=3,
    flags="admin noscript stale no_async_loading",
    since="5.0.0",
    complexity="O(1)",
    args=PLACE,
)
def replicaof(ctx: Client, host: bytes, port: bytes):
    """Configures a server as replica of another, or promotes it to a primary."""
    return follow(ctx, host, port)


@command(
    "SLAVEOF",
    "server",
    arity=3,
    flags="admin noscript stale no_async_loading",
    since="1.0.0",
    complexity="O(1)",
    args=PLACE,
    doc_flags="deprecated",
    deprecated=("5.0.0", "`REPLICAOF`"),
)
def slaveof(ctx: Client, host: bytes, port: bytes):
    """Sets a server as a replica of another, or promotes it to being a primary."""
    return follow(ctx, host, port)


def follow(ctx, host, port):
    """Follow another server, or NO ONE.

    Raises:
        CommandError: the host or the port is none, or the server is a shard.
    """
    if ctx.server.cluster is not None:
        raise CommandError(errors.NO_REPLICATION_OF_SHARDS)
    replication = ctx.server.replication
    if host.lower() == b"no" and port.lower() == b"one":
        replication.lead()
        return OK
    number = parse_integer(port)
    if number is None or not 0 <= number <= HIGHEST_PORT:
        raise CommandError(errors.PRIMARY_PORT_INVALID)
    if host.split() != [host]:  # the setting, a line of words, could not tell it
        raise CommandError(errors.PRIMARY_HOST_INVALID)
    return OK if replication.follow(host, number) else CONNECTED_ALREADY


# ---------------------------------------------------------------------- who follows


@command(
    "PSYNC",
    "server",
    arity=-3,
    flags="admin noscript no_async_loading no_multi",
    since="2.8.0",
    args="replicationid offset:integer",
    traits="no_cache",
)
def psync(ctx: Client, replicationid: bytes, offset: bytes, *options: bytes):
    """An internal command used in replication."""
    first = integer(offset)
    if is_attached(ctx):
        return NO_REPLY
    replication = ctx.server.replication
    check_can_follow(ctx)
    if options and options[0].lower() == b"failover":
        if replicationid != replication.history.id:
            raise CommandError(errors.FOREIGN_HISTORY)
        replication.lead()
    if not replication.attach(ctx, replicationid, first):
        return NO_REPLY
    knows_ids = b"psync2" in ctx.peer.capabilities
    return Simple(b"CONTINUE %b" % replication.history.id if knows_ids else b"CONTINUE")


@command(
    "SYNC",
    "server",
    arity=1,
    flags="admin noscript no_async_loading no_multi",
    since="1.0.0",
    traits="no_cache",
)
def sync(ctx: Client):
    """An internal command used in replication."""
    replication = ctx.server.replication
    if is_attached(ctx):
        return NO_REPLY
    check_can_follow(ctx)
    replication.introduce(ctx).knows_ids = False
    replication.attach(ctx, b"?", -1)
    return NO_REPLY


def is_attached(ctx):
    """Does a client follow already?"""
    return ctx in ctx.server.replication.replicas


def check_can_follow(ctx):
    """A stream needs a connection; who wants parts of the data alone must understand a file without a size.

    Raises:
        CommandError: there is none, or it does not; or this server is about to change places.
    """
    if ctx.server.replication.failover is not None:
        raise CommandError(errors.SYNC_AMID_FAILOVER)
    if ctx.transport is None:
        raise CommandError(errors.NO_CONNECTION)
    if ctx.peer is not None and ctx.peer.parts is not None and b"eof" not in ctx.peer.capabilities:
        raise CommandError(errors.NEEDS_MARK)


@command(
    "REPLCONF",
    "server",
    arity=-1,
    flags="admin noscript loading stale allow_busy",
    since="3.0.0",
    complexity="O(1)",
    doc_flags="syscmd",
)
def replconf(ctx: Client, *words: bytes):
    """An internal command for configuring the replication stream."""
    if len(words) % 2:
        raise CommandError(errors.SYNTAX)
    pairs = dict(zip((name.lower() for name in words[::2]), words[1::2], strict=True))
    if b"ack" in pairs:
        position, synced = (parse_integer(pairs.get(name, b"x")) for name in (b"ack", b"fack"))
        if position is not None:
            ctx.server.replication.acknowledge(ctx, position, synced)
        return NO_REPLY
    if b"getack" in pairs:
        return NO_REPLY
    for name, value in zip(words[::2], words[1::2], strict=True):
        introduce = INTRODUCTIONS.get(name.lower())
        if introduce is None:
            raise CommandError(errors.unknown_replconf(name))
        introduce(ctx.server.replication.introduce(ctx), value)
    return OK


def set_port(replica: Replica, value: bytes):
    """The port at which others reach it."""
    replica.port = integer(value)


def set_host(replica: Replica, value: bytes):
    """Where others reach it."""
    if not value.isascii() or any(byte <= 32 or byte in b",=" for byte in value):
        raise CommandError(errors.SYNTAX)  # it stands in a line of INFO
    replica.host = value


def set_version(replica: Replica, value: bytes):
    """Its version."""
    if len(value.split(b".")) != 3 or not all(part.isdigit() for part in value.split(b".")):
        raise CommandError(errors.version_format(value))
    replica.version = value


def set_file_only(replica: Replica, value: bytes):
    """It wants the file, and nothing else."""
    number = integer(value)
    if not 0 <= number <= 1:
        raise CommandError(errors.NOT_ZERO_OR_ONE)
    replica.wants_file_only = number == 1


def set_parts(replica: Replica, value: bytes):
    """It wants only some parts of the data."""
    for part in value.split():
        if part != b"functions":
            raise CommandError(errors.unknown_part(part))
    replica.parts = frozenset(value.split())


INTRODUCTIONS = {
    b"listening-port": set_port,
    b"ip-address": set_host,
    b"capa": lambda replica, value: replica.capabilities.add(value.lower()),
    b"version": set_version,
    b"rdb-only": set_file_only,
    b"rdb-filter-only": set_parts,
}


# ---------------------------------------------------------------------- changing places


@command(
    "FAILOVER",
    "server",
    arity=-1,
    flags="admin noscript stale",
    since="6.2.0",
    complexity="O(1)",
    args="TO=target{host port:integer FORCE?}? ABORT? TIMEOUT=milliseconds:integer?",
)
def failover(ctx: Client, *options: bytes):
    """Starts a coordinated failover from a server to one of its replicas."""
    replication = ctx.server.replication
    if ctx.server.cluster is not None:
        raise CommandError(errors.FAILOVER_OF_SHARDS)
    if len(options) == 1 and options[0].lower() == b"abort":
        if replication.failover is None:
            raise CommandError(errors.NO_FAILOVER)
        replication.on_failover_end("it was aborted")
        return OK
    wanted = read_failover(options, ctx.db.clock.now_ms)
    if replication.failover is not None:
        raise CommandError(errors.FAILOVER_RUNS)
    if replication.primary is not None:
        raise CommandError(errors.FAILOVER_AT_REPLICA)
    if not replication.replicas:
        raise CommandError(errors.FAILOVER_WITHOUT_REPLICAS)
    if wanted.is_forced and not (wanted.deadline_ms and wanted.target):
        raise CommandError(errors.FAILOVER_FORCE)
    if wanted.target:
        found = replication.replica_at(*wanted.target)
        if found is None:
            raise CommandError(errors.FAILOVER_STRANGER)
        if not found.is_online:
            raise CommandError(errors.FAILOVER_OFFLINE)
    replication.failover = wanted
    replication.on_failover()
    return OK


def read_failover(options, now_ms):
    """What FAILOVER is asked for.

    Raises:
        CommandError: that makes no sense.
    """
    wanted = Failover()
    words = list(options)
    while words:
        word = words.pop(0).lower()
        if word == b"to" and len(words) >= 2 and not wanted.target:
            wanted.target = words.pop(0), integer(words.pop(0))
        elif word == b"force" and not wanted.is_forced:
            wanted.is_forced = True
        elif word == b"timeout" and words and not wanted.deadline_ms:
            timeout_ms = integer(words.pop(0))
            if timeout_ms <= 0:
                raise CommandError(errors.FAILOVER_TIMEOUT)
            wanted.deadline_ms = now_ms + timeout_ms
        else:
            raise CommandError(errors.SYNTAX)
    return wanted
