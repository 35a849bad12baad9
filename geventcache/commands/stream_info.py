"""XINFO: what a stream, its groups and their consumers are made of."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.types.stream_groups import UNKNOWN, Consumer, Group, PendingList
from geventcache.types.stream_ids import MAX_ID, format_id
from geventcache.types.streams import Stream

DEFAULT_COUNT = 10
NEVER = -1

container(
    "XINFO",
    "stream",
    acl="",
    since="5.0.0",
    summary="A container for stream introspection commands.",
    help_since="5.0.0",
)


def existing_stream(ctx: Client, key: bytes) -> Stream:
    """The stream at a key.

    Raises:
        CommandError: there is none, or a value of another type.
    """
    stream = ctx.db.read_container(key, Stream)
    if stream is None:
        raise CommandError(errors.NO_SUCH_KEY)
    return stream


def full_count(ctx: Client, options: tuple[bytes, ...]):
    """How many of everything FULL shows, -1 for all; None without FULL.

    Raises:
        CommandError: the options are something else, or the count is no integer.
    """
    if not options:
        return None
    words = [word.upper() for word in options[:2]]
    if words not in ([b"FULL"], [b"FULL", b"COUNT"]) or len(options) not in (1, 3):
        raise bad_use(ctx, b"XINFO")
    count = integer(options[2]) if len(options) == 3 else DEFAULT_COUNT
    return DEFAULT_COUNT if count < 0 else count or -1


@command(
    "XINFO|STREAM",
    "stream",
    arity=-3,
    flags="readonly",
    keys=[at(2, "RO access")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0 full-block{FULL COUNT=count:integer?}?",
    history=[
        ("6.0.0", "Added the `FULL` modifier."),
        (
            "7.0.0",
            "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` "
            "fields",
        ),
        ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
    ],
)
def xinfo_stream(ctx: Client, key: bytes, *options: bytes):
    """Returns information about a stream."""
    stream: Stream = existing_stream(ctx, key)
    count = full_count(ctx, options)
    facts = {
        b"length": stream.length,
        b"radix-tree-keys": stream.radix_tree_keys(),
        b"radix-tree-nodes": stream.radix_tree_nodes(),
        b"last-generated-id": format_id(stream.last_id),
        b"max-deleted-entry-id": format_id(stream.max_deleted_id),
        b"entries-added": stream.entries_added,
        b"recorded-first-entry-id": format_id(stream.first_id()),
    }
    if count is not None:
        facts[b"entries"] = stream.range(0, MAX_ID, count, False, True)
        facts[b"groups"] = [full_group(stream, name, group, count) for name, group in stream.sorted_groups()]
        return facts
    facts[b"groups"] = len(stream.groups)
    facts[b"first-entry"] = end_entry(stream, False)
    facts[b"last-entry"] = end_entry(stream, True)
    return facts


def end_entry(stream: Stream, is_last: bool):
    """The first or the last entry, None of an empty stream."""
    found = stream.range(0, MAX_ID, 1, is_last, True)
    return found[0] if found else None


def progress(stream: Stream, group: Group):
    """How far a group has read: the last ID, how many entries, and how many are left; None for what nobody knows."""
    return {
        b"last-delivered-id": format_id(group.last_delivered_id),
        b"entries-read": None if group.entries_read == UNKNOWN else group.entries_read,
        b"lag": stream.lag(group),
    }


def full_group(stream: Stream, name: bytes, group: Group, count: int):
    """All about a group."""
    return {
        b"name": name,
        **progress(stream, group),
        b"pel-count": len(group.pending),
        b"pending": [
            [format_id(one.entry_id), one.consumer.name, one.delivery_time_ms, one.delivery_count]
            for one in group.pending.after(0, count)
        ],
        b"consumers": [full_consumer(consumer, count) for consumer in group.sorted_consumers()],
    }


def full_consumer(consumer: Consumer, count: int):
    """All about a consumer."""
    pending: PendingList = consumer.pending
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_time_ms,
        b"active-time": consumer.active_time_ms,
        b"pel-count": len(pending),
        b"pending": [
            [format_id(one.entry_id), one.delivery_time_ms, one.delivery_count] for one in pending.after(0, count)
        ],
    }


@command(
    "XINFO|GROUPS",
    "stream",
    arity=3,
    flags="readonly",
    keys=[at(2, "RO access")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0",
    history=[("7.0.0", "Added the `entries-read` and `lag` fields")],
)
def xinfo_groups(ctx: Client, key: bytes):
    """Returns a list of the consumer groups of a stream."""
    stream: Stream = existing_stream(ctx, key)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            **progress(stream, group),
        }
        for name, group in stream.sorted_groups()
    ]


@command(
    "XINFO|CONSUMERS",
    "stream",
    arity=4,
    flags="readonly",
    keys=[at(2, "RO access")],
    since="5.0.0",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0 group",
    history=[("7.2.0", "Added the `inactive` field, and changed the meaning of `idle`.")],
)
def xinfo_consumers(ctx: Client, key: bytes, group: bytes):
    """Returns a list of the consumers in a consumer group."""
    found = existing_stream(ctx, key).groups.get(group)
    if found is None:
        raise CommandError(errors.no_group_in_stream(key, group))
    now_ms = ctx.db.clock.now_ms
    return [
        {
            b"name": consumer.name,
            b"pending": len(consumer.pending),
            b"idle": max(now_ms - consumer.seen_time_ms, 0),
            b"inactive": NEVER if consumer.active_time_ms == NEVER else max(now_ms - consumer.active_time_ms, 0),
        }
        for consumer in found.sorted_consumers()
    ]
