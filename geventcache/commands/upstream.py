"""GEVENTCACHE NEAR: what is kept here of the data of an upstream."""

from __future__ import annotations

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import command
from geventcache.resp.values import OK
from geventcache.services.clients import Client

NO_UPSTREAM = b"ERR This server has the data itself: it has no upstream"


@command(
    "GEVENTCACHE|NEAR",
    "server",
    arity=3,
    flags="admin noscript loading stale",
    since="0.1.0",
    complexity="O(1); FLUSH: O(N) where N is the number of databases and nodes in use",
    args="action(STATS | FLUSH)",
)
def near(ctx: Client, action: bytes) -> Any:
    """Tells how much is kept of the upstream's data and how often that helped, or lets it all go."""
    upstream = ctx.server.upstream
    if upstream is None:
        raise CommandError(NO_UPSTREAM)
    word = action.upper()
    if word == b"FLUSH":
        upstream.near.flush()
        return OK
    if word != b"STATS":
        raise CommandError(errors.SYNTAX)
    return {name.removeprefix("near_").encode(): count for name, count in upstream.near.report().items()}
