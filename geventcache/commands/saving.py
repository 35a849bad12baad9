"""Snapshots and the journal: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF."""

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import command
from geventcache.resp.values import OK, Simple
from geventcache.services.clients import Client


@command(
    "SAVE",
    "server",
    arity=1,
    flags="admin noscript no_async_loading no_multi",
    since="1.0.0",
    complexity="O(N) where N is the total number of keys in all databases",
)
def save(ctx: Client):
    """Synchronously saves the database(s) to disk."""
    snapshots = ctx.server.snapshots
    if snapshots.is_saving:
        raise CommandError(errors.SAVE_RUNS)
    try:
        snapshots.save()
    except OSError:
        raise CommandError(errors.SAVE_FAILED) from None
    return OK


@command(
    "BGSAVE",
    "server",
    arity=-1,
    flags="admin noscript no_async_loading",
    since="1.0.0",
    complexity="O(1)",
    args="operation(SCHEDULE@3.2.2 | CANCEL@8.1.0)?",
    history=[("3.2.2", "Added the `SCHEDULE` option."), ("8.1.0", "Added the `CANCEL` option.")],
)
def bgsave(ctx: Client, *operation: bytes):
    """Asynchronously saves the database(s) to disk."""
    words = [word.lower() for word in operation]
    if len(words) > 1 or (words and words[0] not in (b"schedule", b"cancel")):
        raise CommandError(errors.SYNTAX)
    snapshots = ctx.server.snapshots
    if words == [b"cancel"]:
        return cancel(snapshots)
    if snapshots.is_saving:
        raise CommandError(errors.SAVE_RUNS)
    # An image in the middle of a transaction would hold a part of it.
    if snapshots.image is None and not ctx.is_in_exec:
        snapshots.begin()
        return Simple(b"Background saving started")
    if not words and not ctx.is_in_exec:
        raise CommandError(errors.IMAGE_TAKEN)
    snapshots.schedule()
    return Simple(b"Background saving scheduled")


def cancel(snapshots: Any) -> Simple:
    """End the save that runs in the background, or forget the one that is scheduled.

    Raises:
        CommandError: there is neither.
    """
    if snapshots.is_saving:
        snapshots.on_cancel()
        return Simple(b"Background saving cancelled")
    if not snapshots.is_scheduled:
        raise CommandError(errors.NO_SAVE_RUNS)
    snapshots.is_scheduled = False
    return Simple(b"Scheduled background saving cancelled")


@command(
    "LASTSAVE",
    "server",
    arity=1,
    flags="loading stale fast",
    acl="admin dangerous",
    since="1.0.0",
    complexity="O(1)",
    tips="nondeterministic_output",
)
def lastsave(ctx: Client):
    """Returns the Unix timestamp of the last successful save to disk."""
    return ctx.server.snapshots.saved_s


@command(
    "BGREWRITEAOF",
    "server",
    arity=1,
    flags="admin noscript no_async_loading",
    since="1.0.0",
    complexity="O(1)",
)
def bgrewriteaof(ctx: Client):
    """Asynchronously rewrites the append-only file to disk."""
    snapshots, journal = ctx.server.snapshots, ctx.server.journal
    if journal.is_rewriting:
        raise CommandError(errors.REWRITE_RUNS)
    if snapshots.image is not None or ctx.is_in_exec or journal.on_rewrite is None:
        journal.is_scheduled = True
        return Simple(b"Background append only file rewriting scheduled")
    journal.on_rewrite()
    return Simple(b"Background append only file rewriting started")
