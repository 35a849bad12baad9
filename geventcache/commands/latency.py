"""What took long or was large: SLOWLOG and COMMANDLOG show such commands, LATENCY what was slow and how often."""

import time

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import command
from geventcache.resp.values import OK, Verbatim
from geventcache.services.clients import Client

SHOWN = 10
GRAPH_WIDTH = 60


container(
    "SLOWLOG",
    "server",
    summary="A container for slow log commands.",
    since="2.2.12",
    help_since="6.2.0",
    help_summary="Shows helpful text about the different subcommands.",
)


@command(
    "SLOWLOG|GET",
    "server",
    arity=-2,
    flags="admin loading stale",
    since="2.2.12",
    complexity="O(N) where N is the number of entries returned",
    tips="request_policy:all_nodes nondeterministic_output",
    args="count:integer?",
    history=[("4.0.0", "Added client IP address, port and name to the reply.")],
)
def slowlog_get(ctx: Client, *count: bytes):
    """Returns the slow log's entries."""
    if len(count) > 1:
        raise bad_use(ctx, b"SLOWLOG")
    return ctx.server.slow_log.latest(read_count(count[0]) if count else SHOWN)


def read_count(text):
    """How many entries to show, -1 for all.

    Raises:
        CommandError: it is no such number.
    """
    count = parse_integer(text)
    if count is None or count < -1:
        raise CommandError(errors.COUNT_BELOW_ALL)
    return count


@command(
    "SLOWLOG|LEN",
    "server",
    arity=2,
    flags="admin loading stale",
    since="2.2.12",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
)
def slowlog_len(ctx: Client):
    """Returns the number of entries in the slow log."""
    return len(ctx.server.slow_log)


@command(
    "SLOWLOG|RESET",
    "server",
    arity=2,
    flags="admin loading stale",
    since="2.2.12",
    complexity="O(N) where N is the number of entries in the slowlog",
    tips="request_policy:all_nodes response_policy:all_succeeded",
)
def slowlog_reset(ctx: Client):
    """Clears all entries from the slow log."""
    ctx.server.slow_log.clear()
    return OK


container(
    "COMMANDLOG",
    "server",
    summary="A container for command log commands.",
    since="8.1.0",
    help_since="8.1.0",
    help_summary="Shows helpful text about the different subcommands.",
)


@command(
    "COMMANDLOG|GET",
    "server",
    arity=4,
    flags="admin loading stale",
    since="8.1.0",
    complexity="O(N) where N is the number of entries returned",
    tips="request_policy:all_nodes nondeterministic_output",
    args="count:integer type(SLOW | LARGE-REQUEST | LARGE-REPLY)",
)
def commandlog_get(ctx: Client, count: bytes, log_type: bytes):
    """Returns the specified command log's entries."""
    shown = read_count(count)
    return log_of(ctx, log_type).latest(shown)


def log_of(ctx, text):
    """The log of a type.

    Raises:
        CommandError: there is no such log.
    """
    server = ctx.server
    logs = {b"slow": server.slow_log, b"large-request": server.large_requests, b"large-reply": server.large_replies}
    found = logs.get(text.lower())
    if found is None:
        raise CommandError(errors.COMMAND_LOG_TYPE)
    return found


@command(
    "COMMANDLOG|LEN",
    "server",
    arity=3,
    flags="admin loading stale",
    since="8.1.0",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
    args="type(SLOW | LARGE-REQUEST | LARGE-REPLY)",
)
def commandlog_len(ctx: Client, log_type: bytes):
    """Returns the number of entries in the specified type of command log."""
    return len(log_of(ctx, log_type))


@command(
    "COMMANDLOG|RESET",
    "server",
    arity=3,
    flags="admin loading stale",
    since="8.1.0",
    complexity="O(N) where N is the number of entries in the commandlog",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="type(SLOW | LARGE-REQUEST | LARGE-REPLY)",
)
def commandlog_reset(ctx: Client, log_type: bytes):
    """Clears all entries from the specified type of command log."""
    log_of(ctx, log_type).clear()
    return OK


container(
    "LATENCY",
    "server",
    summary="A container for latency diagnostics commands.",
    since="2.8.13",
    help_since="2.8.13",
)


@command(
    "LATENCY|LATEST",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="2.8.13",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_nodes response_policy:special",
)
def latency_latest(ctx: Client):
    """Returns the latest latency samples for all events."""
    return ctx.server.latency.latest()


@command(
    "LATENCY|HISTORY",
    "server",
    arity=3,
    flags="admin noscript loading stale",
    since="2.8.13",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_nodes response_policy:special",
    args="event",
)
def latency_history(ctx: Client, event: bytes):
    """Returns timestamp-latency samples for an event."""
    return ctx.server.latency.history(event)


@command(
    "LATENCY|RESET",
    "server",
    arity=-2,
    flags="admin noscript loading stale",
    since="2.8.13",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:agg_sum",
    args="event?*",
)
def latency_reset(ctx: Client, *events: bytes):
    """Resets the latency data for one or more events."""
    return ctx.server.latency.reset(events)


@command(
    "LATENCY|GRAPH",
    "server",
    arity=3,
    flags="admin noscript loading stale",
    since="2.8.13",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_nodes response_policy:special",
    args="event",
)
def latency_graph(ctx: Client, event: bytes):
    """Returns a latency graph for an event."""
    samples = ctx.server.latency.history(event)
    if not samples:
        raise CommandError(errors.no_samples(event))
    longest = max(ms for _, ms in samples)
    lines = [b"%b: %d spikes, the longest of %d ms" % (event, len(samples), longest)]
    for time_s, ms in samples:
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_s)).encode()
        lines.append(b"%b %6d ms %b" % (clock, ms, b"#" * max(1, ms * GRAPH_WIDTH // longest)))
    return Verbatim(b"\n".join(lines) + b"\n")


@command(
    "LATENCY|DOCTOR",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="2.8.13",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_nodes response_policy:special",
)
def latency_doctor(ctx: Client):
    """Returns a human-readable latency analysis report."""
    latency = ctx.server.latency
    if not latency.threshold_us:
        return Verbatim(b"Nothing is monitored: CONFIG SET latency-monitor-threshold <milliseconds> begins to.\n")
    lines = [
        b"%b: %d spikes, the last of %d ms, the longest of %d ms, %d ms on average.\n"
        % (event, count, last, longest, total // count)
        for event, _, last, longest, total, count in latency.latest()
    ]
    return Verbatim(b"".join(lines) or b"No spikes were seen.\n")


@command(
    "LATENCY|HISTOGRAM",
    "server",
    arity=-2,
    flags="admin noscript loading stale",
    since="7.0.0",
    complexity="O(N) where N is the number of commands with latency information being retrieved.",
    tips="nondeterministic_output request_policy:all_nodes response_policy:special",
    args="command?*",
)
def latency_histogram(ctx: Client, *names: bytes):
    """Returns the cumulative distribution of latencies of a subset or all commands."""
    commands = named(ctx.server.table, names) if names else ctx.server.table.all()
    return {
        one.name: {b"calls": one.latency.count, b"histogram_usec": cumulated(one.latency.buckets())}
        for one in commands
        if one.latency is not None and one.latency.count
    }


def named(table, names):
    """The commands of these names, a container's subcommands in its place; names that are none are passed over."""
    for name in names:
        found = table.find(name.split(b"|", 1))
        if found is not None and found.name == name.lower():
            yield found
            if found.subcommands is not None:
                yield from found.subcommands.values()


def cumulated(buckets):
    """How many values do not exceed each power of two, where that grows."""
    counts = {}
    bound, seen = 1, 0
    for largest, count in buckets:
        while bound < largest:
            bound *= 2
        seen += count
        counts[bound] = seen
    return counts
