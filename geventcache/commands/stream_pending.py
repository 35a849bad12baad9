"""What consumer groups of streams have pending: acknowledged, claimed and shown.

Groups are beside the entries: what changes them alone moves the stream's `side_revision`, and watched keys do not hear.
"""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.effects import Delivery, Told
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.commands.stream_parts import (
    active_consumer,
    entries_reply,
    range_end,
    range_start,
    stream_id,
    stream_ids,
)
from geventcache.resp.values import NULL_ARRAY
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.stream_groups import Group
from geventcache.types.stream_ids import EntryId, format_id, parse_strict_id
from geventcache.types.streams import Stream

MAX_CLAIM_COUNT = (2**63 - 1) // 16
DEFAULT_CLAIM_COUNT = 100
MAX_TIME_MS = 2**63 - 1


@command(
    "XACK",
    "stream",
    arity=-4,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="5.0.0",
    complexity="O(1) for each message ID processed.",
    args="key#0 group id*",
)
def xack(ctx: Client, key: bytes, group: bytes, entry_id: bytes, *others: bytes):
    """Returns the number of messages that were successfully acknowledged by the consumer group member of a stream."""
    db: Keyspace = ctx.db
    stream: Stream = db.read_container(key, Stream)
    found = None if stream is None else stream.groups.get(group)
    if found is None:
        return 0
    ids = stream_ids((entry_id, *others))
    db.edit(key, Stream, None)
    return sum([stream.ack(found, one) for one in ids])


def stream_and_group(stream: "Stream | None", key: bytes, name: bytes) -> Group:
    """A stream's group of that name.

    Raises:
        CommandError: there is none, or no stream.
    """
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        raise CommandError(errors.no_group(key, name))
    return group


class PendingFilter:
    """Which pending entries XPENDING shows: an ID range, how many, of which consumer (None: all), idle for how long."""

    def __init__(self, args: tuple[bytes, ...]) -> None:
        self.min_idle_ms = 0
        if not 3 <= len(args) <= 6:
            raise CommandError(errors.SYNTAX)
        if args[0].upper() == b"IDLE":
            self.min_idle_ms = integer(args[1])
            args = args[2:]
            if len(args) < 3:
                raise CommandError(errors.SYNTAX)
        self.count = max(integer(args[2]), 0)
        self.start = range_start(args[0])
        self.end = range_end(args[1])
        self.consumer = args[3] if len(args) > 3 else None


@command(
    "XPENDING",
    "stream",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="5.0.0",
    complexity=(
        "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call "
        "is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the "
        "command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an "
        "additional O(N) time for iterating every consumer."
    ),
    tips="nondeterministic_output",
    args="key#0 group filters{IDLE=min-idle-time:integer@6.2.0? start end count:integer consumer?}?",
    history=[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")],
)
def xpending(ctx: Client, key: bytes, group: bytes, *args: bytes):
    """Returns the information and entries from a stream consumer group's pending entries list."""
    db: Keyspace = ctx.db
    wanted = PendingFilter(args) if args else None
    found = stream_and_group(db.read_container(key, Stream), key, group)
    return pending_summary(found) if wanted is None else pending_entries(found, wanted, db.clock.now_ms)


def pending_summary(group: Group):
    """How many entries a group has pending, the first and the last, and who has how many."""
    first, last = group.pending.first(), group.pending.last()
    if first is None or last is None:
        return [0, None, None, NULL_ARRAY]
    counts = [(one.name, len(one.pending)) for one in group.sorted_consumers()]
    return [
        len(group.pending),
        format_id(first.entry_id),
        format_id(last.entry_id),
        [[name, b"%d" % count] for name, count in counts if count],
    ]


def pending_entries(group: Group, wanted: PendingFilter, now_ms: cython.longlong):
    """The pending entries that pass a filter: ID, consumer, milliseconds since the delivery, number of deliveries."""
    owner = group if wanted.consumer is None else group.consumer(wanted.consumer)
    if owner is None:
        return ()
    latest_ms = now_ms - wanted.min_idle_ms if wanted.min_idle_ms else MAX_TIME_MS
    found = owner.pending.between(wanted.start, wanted.end, wanted.count, latest_ms)
    return [
        [format_id(one.entry_id), one.consumer.name, max(now_ms - one.delivery_time_ms, 0), one.delivery_count]
        for one in found
    ]


def min_idle(text: bytes, name: bytes) -> int:
    """How long entries must have been pending to be claimed, in milliseconds.

    Raises:
        CommandError: it is no integer.
    """
    value = parse_integer(text)
    if value is None:
        raise CommandError(errors.invalid_claim_argument(b"min-idle-time", name))
    return max(value, 0)


class Claim:
    """What XCLAIM does to the entries.

    Attributes:
        delivery_time_ms: when they count as delivered.
        retry_count: how often they count as delivered, -1 for once more than before.
        is_force, is_justid: the options.
        last_id: the ID up to which the group has read at least.
    """

    def __init__(self, options: tuple[bytes, ...], now_ms: int) -> None:
        self.now_ms = now_ms
        self.delivery_time_ms = -1
        self.retry_count = -1
        self.is_force = False
        self.is_justid = False
        self.last_id = 0
        i = 0
        while i < len(options):
            i += self.take(options[i], options[i + 1 : i + 2])
        if not 0 <= self.delivery_time_ms <= now_ms:
            self.delivery_time_ms = now_ms

    def take(self, option: bytes, argument: tuple[bytes, ...]) -> int:
        """Take an option; return how many arguments it had with its name.

        Raises:
            CommandError: there is no such option, or its argument is wrong.
        """
        word = option.upper()
        if word == b"FORCE":
            self.is_force = True
            return 1
        if word == b"JUSTID":
            self.is_justid = True
            return 1
        if not argument or word not in (b"IDLE", b"TIME", b"RETRYCOUNT", b"LASTID"):
            raise CommandError(errors.unknown_claim_option(option))
        if word == b"LASTID":
            self.last_id = stream_id(argument[0])
        else:
            self.take_number(word, argument[0])
        return 2

    def take_number(self, word: bytes, text: bytes) -> None:
        """Take IDLE, TIME or RETRYCOUNT.

        Raises:
            CommandError: the argument is no integer.
        """
        value = parse_integer(text)
        if value is None:
            raise CommandError(errors.invalid_claim_argument(word + b" option", b"XCLAIM"))
        if word == b"RETRYCOUNT":
            self.retry_count = value
        else:
            self.delivery_time_ms = self.now_ms - value if word == b"IDLE" else value


def leading_ids(args: tuple[bytes, ...]) -> list[EntryId]:
    """The IDs at the beginning of `args`: all up to the first that is none."""
    found = []
    for text in args:
        entry_id = parse_strict_id(text)
        if entry_id is None:
            break
        found.append(entry_id)
    return found


@command(
    "XCLAIM",
    "stream",
    arity=-6,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="5.0.0",
    complexity="O(log N) with N being the number of messages in the PEL of the consumer group.",
    tips="nondeterministic_output",
    args=(
        "key#0 group consumer min-idle-time id* IDLE=ms:integer? TIME=unix-time-milliseconds:unix-time? "
        "RETRYCOUNT=count:integer? FORCE? JUSTID? LASTID=lastid?"
    ),
    effect=effects.delivered,
)
def xclaim(
    ctx: Client, key: bytes, group: bytes, consumer: bytes, min_idle_time: bytes, entry_id: bytes, *others: bytes
):
    """Changes, or acquires, ownership of a message in a consumer group, as if the message was delivered to a consumer
    group member.
    """
    db: Keyspace = ctx.db
    now_ms = db.clock.real_ms()
    stream: Stream = db.read_container(key, Stream)
    found = stream_and_group(stream, key, group)
    min_idle_ms = min_idle(min_idle_time, b"XCLAIM")
    args = (entry_id, *others)
    ids = leading_ids(args)
    claim = Claim(args[len(ids) :], now_ms)
    delivery = Delivery(key, group, consumer, found.consumer(consumer) is None)
    member = active_consumer(db, key, stream, found, consumer)
    if stream.advance_group(found, claim.last_id):
        delivery.place = (found.last_delivered_id, found.entries_read)
    claimed = []
    for one in ids:
        was_pending = found.pending.get(one) is not None
        fields = stream.claim(
            found,
            member,
            one,
            min_idle_ms,
            now_ms,
            claim.delivery_time_ms,
            claim.retry_count,
            claim.is_justid,
            claim.is_force,
        )
        if fields is not None:
            claimed.append((one, fields))
            delivery.claim(found.pending.get(one))
        elif was_pending and found.pending.get(one) is None:
            delivery.gone.append(one)
    return Told(claimed_reply(claimed, claim.is_justid), [delivery])


def claimed_reply(claimed: list, is_justid: bool):
    """Claimed entries as clients see them, or their IDs alone."""
    return [format_id(one[0]) for one in claimed] if is_justid else entries_reply(claimed)


def autoclaim_options(options: tuple[bytes, ...]):
    """The COUNT and whether JUSTID is given, of XAUTOCLAIM.

    Raises:
        CommandError: an option is unknown, or the count is wrong.
    """
    count, is_justid = DEFAULT_CLAIM_COUNT, False
    i = 0
    while i < len(options):
        word = options[i].upper()
        if word == b"COUNT" and i + 1 < len(options):
            count = parse_integer(options[i + 1]) or 0
            if not 1 <= count <= MAX_CLAIM_COUNT:
                raise CommandError(errors.COUNT_OPTION_NOT_POSITIVE)
            i += 2
        elif word == b"JUSTID":
            is_justid = True
            i += 1
        else:
            raise CommandError(errors.SYNTAX)
    return count, is_justid


@command(
    "XAUTOCLAIM",
    "stream",
    arity=-6,
    flags="write fast",
    keys=[at(1, "RW delete")],
    since="6.2.0",
    complexity="O(1) if COUNT is small.",
    tips="nondeterministic_output",
    args="key#0 group consumer min-idle-time start COUNT=count:integer? JUSTID?",
    history=[
        ("7.0.0", "Added an element to the reply array, containing deleted entries the command cleared from the PEL")
    ],
    effect=effects.delivered,
)
def xautoclaim(
    ctx: Client, key: bytes, group: bytes, consumer: bytes, min_idle_time: bytes, start: bytes, *options: bytes
):
    """Changes, or acquires, ownership of messages in a consumer group, as if the messages were delivered to a consumer
    group member.
    """
    db: Keyspace = ctx.db
    min_idle_ms = min_idle(min_idle_time, b"XAUTOCLAIM")
    first = range_start(start)
    count, is_justid = autoclaim_options(options)
    stream: Stream = db.read_container(key, Stream)
    found = stream_and_group(stream, key, group)
    delivery = Delivery(key, group, consumer, found.consumer(consumer) is None)
    member = active_consumer(db, key, stream, found, consumer)
    following, claimed, gone = stream.autoclaim(found, member, first, count, min_idle_ms, db.clock.now_ms, is_justid)
    for entry in claimed:
        delivery.claim(found.pending.get(entry[0]))
    delivery.gone = gone
    reply = [format_id(following), claimed_reply(claimed, is_justid), [format_id(one) for one in gone]]
    return Told(reply, [delivery])
