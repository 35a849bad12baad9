"""The server as a whole: its data, its memory, its end, and what it tells of itself."""

import contextlib
import ctypes
import random

from geventcache import __version__
from geventcache.base import errors
from geventcache.base.errors import SYNTAX, CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command import effects
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.command.integers import INT32_MAX, INT32_MIN, integer
from geventcache.command.keyspecs import at
from geventcache.resp.values import NO_REPLY, OK, Verbatim
from geventcache.services.clients import Client
from geventcache.services.observing.info import report
from geventcache.store.keyspace import Keyspace

SHUTDOWN_OPTIONS = (b"nosave", b"save", b"now", b"force", b"safe", b"failover")
GLASS_WIDTH = 21
GLASS_LIMITS = (7, 79)


@command(
    "DBSIZE",
    "server",
    arity=1,
    flags="readonly fast",
    acl="keyspace",
    since="1.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:agg_sum",
)
def dbsize(ctx: Client):
    """Returns the number of keys in the database."""
    db: Keyspace = ctx.db
    return len(db)


@command(
    "FLUSHDB",
    "server",
    arity=-1,
    flags="write",
    acl="dangerous keyspace",
    since="1.0.0",
    complexity="O(N) where N is the number of keys in the selected database",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="flush-type(ASYNC@4.0.0 | SYNC@6.2.0)?",
    history=[
        ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
        ("6.2.0", "Added the `SYNC` flushing mode modifier."),
    ],
    effect=effects.flush,
)
def flushdb(ctx: Client, *mode: bytes):
    """Removes all keys from the current database."""
    check_flush_mode(mode)
    ctx.db.flush()
    free_soon(ctx)
    return OK


@command(
    "FLUSHALL",
    "server",
    arity=-1,
    flags="write",
    acl="dangerous keyspace",
    since="1.0.0",
    complexity="O(N) where N is the total number of keys in all databases",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="flush-type(ASYNC@4.0.0 | SYNC@6.2.0)?",
    history=[
        ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
        ("6.2.0", "Added the `SYNC` flushing mode modifier."),
    ],
    traits="all_databases",
    effect=effects.flush,
)
def flushall(ctx: Client, *mode: bytes):
    """Removes all keys from all databases."""
    check_flush_mode(mode)
    ctx.server.databases.flush()
    free_soon(ctx)
    return OK


def check_flush_mode(mode):
    """SYNC, ASYNC or nothing: in each case the keys are gone at once, and their memory is freed in slices.

    Raises:
        CommandError: it is something else.
    """
    if len(mode) > 1 or (mode and mode[0].lower() not in (b"sync", b"async")):
        raise CommandError(SYNTAX)


def free_soon(ctx):
    """Let the batch worker free what was dropped as soon as the turn is over."""
    if ctx.server.expiry is not None:
        ctx.server.chores.append(ctx.server.expiry.nudge)


@command(
    "SWAPDB",
    "server",
    arity=3,
    flags="write fast",
    acl="dangerous keyspace",
    since="4.0.0",
    complexity="O(N) where N is the count of clients watching or blocking on keys from both databases.",
    args="index1:integer index2:integer",
    traits="other_databases",
    databases=lambda args: (1, 2),
)
def swapdb(ctx: Client, index1: bytes, index2: bytes):
    """Swaps two databases."""
    if ctx.server.cluster is not None:
        raise CommandError(errors.SWAPDB_IN_CLUSTER)
    first = database_number(index1, errors.FIRST_DB_INVALID)
    second = database_number(index2, errors.SECOND_DB_INVALID)
    databases = ctx.server.databases
    if not (0 <= first < databases.count and 0 <= second < databases.count):
        raise CommandError(errors.DB_OUT_OF_RANGE)
    if first != second:
        databases.get(first).swap(databases.get(second))
    return OK


def database_number(text, error):
    """A number of 32 bits.

    Raises:
        CommandError: with the text `error`, it is none.
    """
    number = parse_integer(text)
    if number is None or not INT32_MIN <= number <= INT32_MAX:
        raise CommandError(error)
    return number


@command(
    "TIME",
    "server",
    arity=1,
    flags="loading stale fast",
    since="2.6.0",
    complexity="O(1)",
    tips="nondeterministic_output",
)
def time(ctx: Client):
    """Returns the server time."""
    seconds, us = divmod(ctx.db.clock.microseconds(), 1_000_000)
    return [b"%d" % seconds, b"%d" % us]


@command(
    "INFO",
    "server",
    arity=-1,
    flags="loading stale",
    acl="dangerous",
    since="1.0.0",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_shards response_policy:special",
    args="section?*",
    history=[("7.0.0", "Added support for taking multiple section arguments.")],
)
def info(ctx: Client, *sections: bytes):
    """Returns information and statistics about the server."""
    return Verbatim(report(ctx.server, sections))


@command(
    "SHUTDOWN",
    "server",
    arity=-1,
    flags="admin noscript loading stale no_multi allow_busy",
    since="1.0.0",
    complexity=(
        "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)"
    ),
    args=(
        "abort-selector(save-selector-block{save-selector(NOSAVE | SAVE)? NOW@7.0.0? FORCE@7.0.0? SAFE@9.0.0? "
        "FAILOVER@9.0.0?} | ABORT@7.0.0)?"
    ),
    history=[
        ("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers."),
        ("9.0.0", "Added the `SAFE` and `FAILOVER` modifiers."),
    ],
    traits="no_cache",
)
def shutdown(ctx: Client, *options: bytes):
    """Synchronously saves the database(s) to disk and shuts down the server."""
    words = [option.lower() for option in options]
    if words == [b"abort"]:
        if not ctx.server.shutdown.abort():
            raise CommandError(errors.NO_SHUTDOWN)
        return OK
    if not set(words).issubset(SHUTDOWN_OPTIONS) or (b"save" in words and b"nosave" in words):
        raise CommandError(SYNTAX)
    scripting = ctx.server.scripting
    if scripting.is_busy and b"nosave" not in words:
        raise CommandError(scripting.busy_error())
    wait = ctx.server.shutdown.ask(ctx, words)
    if wait is not None:
        return wait
    ctx.close()
    return NO_REPLY


@command(
    "LOLWUT",
    "server",
    arity=-1,
    flags="readonly fast",
    since="5.0.0",
    args="VERSION=version:integer?",
)
def lolwut(ctx: Client, *args: bytes):
    """Displays computer art and the server version."""
    words = list(args)
    if len(words) >= 2 and words[0].lower() == b"version":
        integer(words[1])
        del words[:2]
    width = read_width(words)
    return Verbatim(b"%b\ngeventcache ver. %b\n" % (hourglass(width), __version__.encode()))


def read_width(words):
    """The columns of the picture; its rows follow from them.

    Raises:
        CommandError: there is more than columns and rows, or they are no numbers.
    """
    if not words:
        return GLASS_WIDTH
    sizes = [parse_integer(word) for word in words]
    if len(sizes) != 2 or sizes[0] is None or sizes[1] is None:
        raise CommandError(errors.LOLWUT_USAGE)
    return min(max(sizes[0], GLASS_LIMITS[0]), GLASS_LIMITS[1]) | 1


def hourglass(width):
    """An hourglass: keys that live above, keys that have expired below, one on its way."""
    half = width // 2
    left = random.randrange(1, half)
    rim = b"=" * width
    rows = [rim]
    for i in range(half):
        sand = b"o" if i >= half - left else b" "
        rows.append(b" " * i + b"\\" + sand * (width - 2 - 2 * i) + b"/")
    rows.append(b" " * half + b".")
    for i in reversed(range(half)):
        sand = b"o" if i < half - left else b" "
        inside = (width - 2 - 2 * i - 1) // 2
        rows.append(b" " * i + b"/" + sand * inside + (b"." if sand == b" " else b"o") + sand * inside + b"\\")
    return b"\n".join([*rows, rim])


container(
    "MEMORY",
    "server",
    summary="A container for memory diagnostics commands.",
    since="4.0.0",
    help_since="4.0.0",
)


@command(
    "MEMORY|USAGE",
    "server",
    arity=-3,
    flags="readonly",
    keys=[at(2, "RO")],
    since="4.0.0",
    complexity="O(N) where N is the number of samples.",
    args="key#0 SAMPLES=count:integer?",
)
def memory_usage(ctx: Client, key: bytes, *options: bytes):
    """Estimates the memory usage of a key."""
    if options:
        read_samples(options)
    db: Keyspace = ctx.db
    return db.usage(key) or None


def read_samples(options):
    """SAMPLES and its count, which is only checked: every type looks at a few elements of its own choice.

    Raises:
        CommandError: it is something else, or the count is negative or no number.
    """
    if options[0].lower() != b"samples" or len(options) < 2:
        raise CommandError(SYNTAX)
    if integer(options[1]) < 0 or len(options) > 2:
        raise CommandError(SYNTAX)


@command(
    "MEMORY|STATS",
    "server",
    arity=2,
    since="4.0.0",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_shards response_policy:special",
)
def memory_stats(ctx: Client):
    """Returns details about memory usage."""
    memory = ctx.server.memory
    keyspaces = ctx.server.databases.existing()
    keys = sum(len(keyspace) for keyspace in keyspaces)
    used = memory.used
    overhead = memory.overhead
    dataset = max(0, used - overhead)
    return {
        b"peak.allocated": memory.peak,
        b"total.allocated": used,
        b"startup.allocated": 0,
        b"replication.backlog": len(ctx.server.replication.history.backlog or ()),
        b"clients.slaves": 0,
        b"clients.normal": ctx.server.memory_limit.clients(),
        b"aof.buffer": ctx.server.journal.waiting(),
        b"overhead.total": overhead,
        b"keys.count": keys,
        b"keys.bytes-per-key": dataset // keys if keys else 0,
        b"dataset.bytes": dataset,
        b"dataset.percentage": 100.0 * dataset / used if used else 0.0,
        b"peak.percentage": 100.0 * used / memory.peak if memory.peak else 0.0,
        b"fragmentation": memory.fragmentation,
        b"fragmentation.bytes": max(0, memory.resident - memory.startup - used),
    }


@command(
    "MEMORY|DOCTOR",
    "server",
    arity=2,
    since="4.0.0",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_shards response_policy:special",
)
def memory_doctor(ctx: Client):
    """Outputs a memory problems report."""
    memory = ctx.server.memory
    findings = []
    limit = ctx.server.config["maxmemory"]
    if limit and memory.used > limit * 9 // 10:
        findings.append(b"More than nine tenths of maxmemory are used.")
    if memory.peak > 2 * memory.used and memory.peak > 100 << 20:
        findings.append(
            b"At its peak the server used more than twice as much as now; freed memory may stay with the process."
        )
    return Verbatim(b"\n".join(findings or [b"Nothing about the memory of this server is unusual."]) + b"\n")


@command(
    "MEMORY|MALLOC-STATS",
    "server",
    arity=2,
    flags="loading",
    since="4.0.0",
    complexity="Depends on how much memory is allocated, could be slow",
    tips="nondeterministic_output request_policy:all_shards response_policy:special",
)
def memory_malloc_stats(ctx: Client):
    """Returns the allocator statistics."""
    memory = ctx.server.memory
    return Verbatim(b"The interpreter's allocator keeps no statistics. Resident: %d bytes.\n" % memory.resident)


@command(
    "MEMORY|PURGE",
    "server",
    arity=2,
    flags="loading",
    since="4.0.0",
    complexity="Depends on how much memory is allocated, could be slow",
    tips="request_policy:all_shards response_policy:all_succeeded",
)
def memory_purge(ctx: Client):
    """Asks the allocator to release memory."""
    # Not every C library has this; where it is missing there is nothing to ask.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    return OK
