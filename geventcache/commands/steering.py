"""GEVENTCACHE: what tests ask of this server alone, off unless the setting enable-debug-command allows it."""

from __future__ import annotations

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import DECLARATIONS, command, container
from geventcache.command.help import help_lines
from geventcache.command.integers import at_least
from geventcache.commands.debug import check_allowed
from geventcache.services.clients import Client

NAME = b"GEVENTCACHE"
LAST_MS = 253_402_300_799_999  # of the year 9999

container(
    "GEVENTCACHE",
    "server",
    summary="A container for commands that tests steer the server by.",
    arity=-2,
    since="0.1.0",
    complexity="Depends on subcommand.",
)


@command(
    "GEVENTCACHE|CLOCK",
    "server",
    arity=-3,
    flags="admin noscript loading stale no_multi",
    since="0.1.0",
    complexity="O(N) where N is the number of keys and fields that expire.",
    args="action(ADVANCE=milliseconds:integer | SET=unix-time-milliseconds:unix-time | FREEZE | RESUME)",
)
def clock(ctx: Client, action: bytes, *amount: bytes) -> Any:
    """Moves the server's time, stops it, or lets it run on. Returns the time then, in milliseconds."""
    check_allowed(ctx, NAME)
    server, time = ctx.server, ctx.db.clock
    word = action.upper()
    if word in (b"FREEZE", b"RESUME") and not amount:
        if word == b"FREEZE":
            time.freeze()
        else:
            time.run()
        return server.on_travel(ctx, lambda: server.travel.arrive(), time.now_ms)
    if word not in (b"ADVANCE", b"SET") or len(amount) != 1:
        raise CommandError(errors.SYNTAX)
    ms = at_least(amount[0], 0, errors.NOT_INTEGER)
    target_ms = ms if word == b"SET" else time.now_ms + ms
    if target_ms > LAST_MS:
        raise CommandError(errors.TIME_OUT_OF_RANGE)
    if word == b"SET":
        return server.on_travel(ctx, lambda: server.travel.set(ms), target_ms)
    return server.on_travel(ctx, lambda: server.travel.advance(ms), target_ms)


@command(
    "GEVENTCACHE|HELP",
    "server",
    arity=2,
    flags="loading stale",
    since="0.1.0",
    complexity="O(1)",
)
def steering_help(ctx: Client) -> Any:
    """Returns helpful text about the different subcommands."""
    return help_lines(DECLARATIONS["GEVENTCACHE"])
