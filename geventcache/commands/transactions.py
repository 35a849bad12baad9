"""Transactions: requests that are queued and run in one go, unless a watched key was changed meanwhile.

The queue is the gate's business: `Engine.admit` puts a request of a client that has one into it.
"""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at
from geventcache.resp.values import NO_REPLY, NULL_ARRAY, OK
from geventcache.services.clients import Client


@command(
    "MULTI",
    "transactions",
    arity=1,
    flags="noscript loading stale fast no_multi allow_busy",
    since="1.2.0",
    complexity="O(1)",
    traits="immediate",
)
def multi(ctx: Client):
    """Starts a transaction."""
    ctx.queue = []
    ctx.review()
    return OK


def check_slots(ctx, queue):
    """Refuse a transaction whose keys are not in one hash slot.

    Raises:
        CommandError: they are not.
    """
    text = ctx.server.cluster.slots.queue_refusal(ctx, queue)
    if text is not None:
        raise CommandError(text)


@command(
    "EXEC",
    "transactions",
    arity=1,
    flags="noscript loading stale skip_commandlog",
    since="1.2.0",
    complexity="Depends on commands in the transaction",
    traits="immediate runs_queue",
)
def exec_(ctx: Client):
    """Executes all commands in a transaction."""
    state = ctx.server
    queue = ctx.queue
    if queue is None:
        raise CommandError(errors.EXEC_WITHOUT_MULTI)
    is_wrong = ctx.queue_error
    is_dirty = state.watch.is_dirty(ctx)
    state.end_transaction(ctx)
    if is_wrong:
        raise CommandError(errors.EXEC_ABORT)
    if is_dirty:
        return NULL_ARRAY
    if state.cluster is not None:
        check_slots(ctx, queue)
    state.engine.run_queue(ctx, queue)
    return NO_REPLY


@command(
    "DISCARD",
    "transactions",
    arity=1,
    flags="noscript loading stale fast allow_busy",
    since="2.0.0",
    complexity="O(N), when N is the number of queued commands",
    traits="immediate",
)
def discard(ctx: Client):
    """Discards a transaction."""
    if ctx.queue is None:
        raise CommandError(errors.DISCARD_WITHOUT_MULTI)
    ctx.server.end_transaction(ctx)
    return OK


@command(
    "WATCH",
    "transactions",
    arity=-2,
    flags="noscript loading stale fast no_multi allow_busy",
    keys=[at(1, "RO", last=-1)],
    since="2.2.0",
    complexity="O(1) for every key.",
    args="key#0*",
    traits="immediate",
)
def watch(ctx: Client, key: bytes, *keys: bytes):
    """Monitors changes to keys to determine the execution of a transaction."""
    ctx.server.watch.add(ctx, (key, *keys))
    return OK


@command(
    "UNWATCH",
    "transactions",
    arity=1,
    flags="noscript loading stale fast allow_busy",
    since="2.2.0",
    complexity="O(1)",
)
def unwatch(ctx: Client):
    """Forgets about watched keys of a transaction."""
    ctx.server.watch.forget(ctx)
    return OK
