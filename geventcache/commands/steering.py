"""GEVENTCACHE: what tests ask of this server alone, off unless the setting enable-debug-command allows it."""

from __future__ import annotations

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError, printable
from geventcache.base.numbers import parse_float
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.command.integers import at_least, integer
from geventcache.commands.debug import check_allowed
from geventcache.resp.values import Double
from geventcache.services.clients import Client
from geventcache.services.faults import AFTER, AMID, BEFORE, DELAY, DROP, ERROR, REFUSE, Fault

NAME = b"GEVENTCACHE"
LAST_MS = 253_402_300_799_999  # of the year 9999

container(
    "GEVENTCACHE",
    "server",
    summary="A container for commands that tests steer the server by.",
    since="0.1.0",
    help_since="0.1.0",
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


PATTERNS = {b"COMMAND": "command", b"USER": "user", b"CLIENT": "client", b"KEY": "key"}
MOMENTS = {b"BEFORE": BEFORE, b"AMID": AMID, b"AFTER": AFTER}


@command(
    "GEVENTCACHE|FAULT",
    "server",
    arity=-3,
    flags="admin noscript loading stale no_multi",
    since="0.1.0",
    complexity="O(N) where N is the number of faults.",
    args=(
        "action(add{ADD kind(ERROR=text | DELAY=milliseconds:integer | CLOSE=moment(BEFORE | AMID | AFTER) | DROP | "
        "REFUSE) COMMAND=command:pattern? USER=user:pattern? CLIENT=client:pattern? KEY=key:pattern? "
        "TIMES=times:integer? PROBABILITY=probability:double? SEED=seed:integer?} | LIST | clear{CLEAR id:integer?*})"
    ),
)
def fault(ctx: Client, action: bytes, *words: bytes) -> Any:
    """Lets requests fail, or shows or ends what makes them fail."""
    check_allowed(ctx, NAME)
    faults = ctx.server.faults
    name = action.upper()
    if name == b"ADD" and words:
        try:
            return faults.add(fault_of(words[0].upper(), words[1:]))
        except ValueError as error:
            raise CommandError(b"ERR " + str(error).encode()) from None
    if name == b"LIST" and not words:
        return [facts_of(one) for one in faults]
    if name == b"CLEAR":
        return faults.clear([integer(word) for word in words] or None)
    raise CommandError(errors.SYNTAX)


def fault_of(kind: bytes, words: tuple[bytes, ...]) -> Fault:
    """The fault that a request describes.

    Raises:
        CommandError: it describes none.
    """
    facts: dict[str, Any] = {}
    if kind in (b"ERROR", b"DELAY", b"CLOSE") and words:
        word, words = words[0], words[1:]
        if kind == b"ERROR":
            facts = {"kind": ERROR, "text": printable(word)}
        elif kind == b"DELAY":
            facts = {"kind": DELAY, "delay_ms": at_least(word, 0, errors.NOT_INTEGER)}
        elif word.upper() in MOMENTS:
            facts = {"kind": MOMENTS[word.upper()]}
    elif kind in (b"DROP", b"REFUSE"):
        facts = {"kind": DROP if kind == b"DROP" else REFUSE}
    if not facts or len(words) % 2:
        raise CommandError(errors.SYNTAX)
    for option, value in zip(words[::2], words[1::2], strict=True):
        facts.update(option_of(option.upper(), value))
    return Fault(**facts)


def option_of(option: bytes, value: bytes) -> dict[str, Any]:
    """What one option says.

    Raises:
        CommandError: it says nothing.
    """
    if option in PATTERNS:
        return {PATTERNS[option]: value}
    if option == b"TIMES":
        return {"times": at_least(value, 1, errors.NOT_INTEGER)}
    if option == b"SEED":
        return {"seed": integer(value)}
    probability = parse_float(value) if option == b"PROBABILITY" else None
    if probability is None or not 0 <= probability <= 1:
        raise CommandError(errors.SYNTAX)
    return {"probability": probability}


def facts_of(one: Fault) -> dict[bytes, Any]:
    """A fault as LIST shows it."""
    return {
        b"id": one.id,
        b"kind": one.kind,
        b"text": one.text,
        b"milliseconds": one.delay_ms,
        b"command": one.command,
        b"user": one.user,
        b"client": one.client,
        b"key": one.key,
        b"times": one.times,
        b"probability": Double(b"%g" % one.probability),
        b"hits": one.hits,
    }
