"""Replication, as far as clients ask about it: this server is a primary, and it has no replicas."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.timeouts import parse_timeout_ms
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.services.waiters import Wait

MAX_PORT = 65535
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
    return [b"master", 0, []]


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
    return follow(host, port)


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
    return follow(host, port)


def follow(host, port):
    """NO ONE is what the server follows anyway.

    Raises:
        CommandError: it is to follow another server.
    """
    if host.lower() == b"no" and port.lower() == b"one":
        return OK
    number = parse_integer(port)
    if number is None or not 0 <= number <= MAX_PORT:
        raise CommandError(errors.PRIMARY_PORT_INVALID)
    raise CommandError(errors.NO_REPLICATION)
