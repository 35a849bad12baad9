"""A turn's requests, one after the other.

The compiled build has this from ``runs.pyx``; this is its twin, which serves uncompiled. To an interpreter a call costs
more than a look-up, and a look at the clock as much as a GET. So requests for the same brief command that follow each
other are run in one frame and timed together, by what `Engine.execute` and `Engine.finish` do without what a brief
command cannot need; whatever is special goes through `Engine.execute`.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.command.effects import Told
from geventcache.command.table import Command
from geventcache.engine.engine import MILLISECOND_US, OK_LINE, Engine
from geventcache.resp.values import OK, Simple
from geventcache.resp.writer import BULK_HEADERS, CRLF, SHORT
from geventcache.services.clients import Client

LONGEST_RUN = 32


def run(engine: Engine, client: Client, commands: list[list[Any]], limit_us: int) -> int:
    """Run requests until one holds the client or the time is up; return how many have been run."""
    at = 0
    while at < len(commands):
        at = run_some(engine, client, commands, at)
        if client.is_held or engine.last_us > limit_us:
            break
    return at


def run_some(engine: Engine, client: Client, commands: list[list[Any]], at: int) -> int:
    """Run the request commands[at], and those after it that are calls of the same brief command.

    Returns: the index of the first request that was not run.
    """
    args = commands[at]
    name = args[0]
    count = len(args)
    command = engine.table.by_spelling.get(name)
    if command is None or not command.low <= count <= command.brief_high or looks_closer(engine, client):
        engine.execute(client, args)
        return at + 1
    begin = at
    handler = command.handler
    out, db, ready = engine.out, client.db, engine.ready
    append = out.pieces.append
    out.resp3 = client.resp3
    engine.current = client
    for args in islice(commands, begin, begin + LONGEST_RUN):
        if args[0] != name or len(args) != count:
            break
        at += 1
        args[0] = client
        try:
            value = handler(*args)
        except CommandError as error:
            engine.fail(command, error)
        except Exception as error:
            engine.fail(command, engine.defect(command, error))
            db.discard()
        else:
            if type(value) is bytes and len(value) < SHORT:
                append(BULK_HEADERS[len(value)])
                append(value)
                append(CRLF)
            elif value is OK:
                append(OK_LINE)
            elif type(value) is int:
                append(b":%d\r\n" % value)
            elif value is None or type(value) is Simple:
                out.value(value)
            else:
                args[0] = name
                reply_at_length(engine, client, command, args, value)
        if db.opened:
            db.settle()
        if ready:
            engine.serve_waiters()
        if client.is_pushed_to:
            engine.follow_up(client)
    finish(engine, client, command, at - begin)
    return at


def reply_at_length(engine: Engine, client: Client, command: Command, args: list[Any], value: Any) -> None:
    """Write a value that may be large enough to be reported."""
    mark = engine.out.mark()
    engine.out.value(value.value if type(value) is Told else value)
    size = engine.out.size_since(mark)
    if size >= engine.large_reply:
        engine.state.on_large_reply(client, command, args, size)


def finish(engine: Engine, client: Client, command: Command, count: int) -> None:
    """What follows a run of so many calls: counting, and the time."""
    engine.current = None
    client.last_command = command.name
    client.commands += count
    now_us = monotonic_us()
    command.note_many(count, now_us - engine.last_us)
    engine.last_us = now_us
    if now_us >= engine.tick_us:
        engine.tick_us = now_us + MILLISECOND_US
        engine.clock.update_at(now_us)


def looks_closer(engine: Engine, client: Client) -> bool:
    """Is there more to see to than is done here?"""
    return bool(
        client.is_special
        or engine.is_special
        or engine.slots is not None
        or engine.upstream is not None
        or engine.effects is not None
        or engine.slow_us < MILLISECOND_US
        or engine.large_reply < 2 * SHORT
    )
