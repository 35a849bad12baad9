"""Replication: whom the server follows, and what clients ask about that."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.timeouts import parse_timeout_ms
from geventcache.resp.values import OK, Simple
from geventcache.services.clients import Client
from geventcache.services.replication import facts
from geventcache.services.waiters import Wait

MAX_PORT = 65535
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
    if ctx.server.replication.primary is not None:
        raise CommandError(errors.WAIT_AT_REPLICA)
    replicas = integer(numreplicas)
    timeout_ms = parse_timeout_ms(timeout, ctx.db.clock.now_ms)
    # There are no replicas: whoever asks for one waits in vain.
    return 0 if replicas <= 0 else Wait((), timeout_ms, timeout_reply=0, denied_reply=0)


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
    local, replicas = parse_integer(numlocal), parse_integer(numreplicas)
    if local is None:
        raise CommandError(errors.NOT_INTEGER)
    if not 0 <= local <= 1:
        raise CommandError(errors.NOT_ZERO_OR_ONE)
    if replicas is None or replicas < 0:
        raise CommandError(errors.NOT_POSITIVE)
    timeout_ms = parse_timeout_ms(timeout, ctx.db.clock.now_ms)
    if local:
        raise CommandError(errors.NO_APPEND_ONLY_FILE)
    return [0, 0] if replicas == 0 else Wait((), timeout_ms, timeout_reply=[0, 0], denied_reply=[0, 0])


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
        CommandError: the port is none, or the server is a shard.
    """
    if ctx.server.cluster is not None:
        raise CommandError(errors.NO_REPLICATION_OF_SHARDS)
    replication = ctx.server.replication
    if host.lower() == b"no" and port.lower() == b"one":
        replication.lead()
        return OK
    number = parse_integer(port)
    if number is None or not 0 <= number <= MAX_PORT:
        raise CommandError(errors.PRIMARY_PORT_INVALID)
    return OK if replication.follow(host, number) else CONNECTED_ALREADY
