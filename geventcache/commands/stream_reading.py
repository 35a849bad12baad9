"""Reading streams from an ID on, for oneself or as a member of a consumer group, and waiting for what is not there yet.

A request that waits is run again as a whole when one of its streams has changed. So that ``$`` still means the time of
the first run then, XREAD is parked with that ID in its place.
"""

from typing import Any

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.effects import Delivery, Told
from geventcache.command.integers import integer
from geventcache.command.keyspecs import after
from geventcache.command.timeouts import parse_timeout_ms
from geventcache.commands.stream_parts import LAST_ID, active_consumer, entries_reply, stream_id
from geventcache.resp.values import NULL_ARRAY, PairedMap
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait
from geventcache.store.keyspace import Keyspace
from geventcache.types.stream_groups import Consumer, Group
from geventcache.types.stream_ids import MAX_ID, EntryId, format_id
from geventcache.types.streams import Stream

NEWEST_ENTRY = b"+"
NEW_ENTRIES = b">"


class Request:
    """The arguments of XREAD or XREADGROUP.

    Attributes:
        args: all of them, without the command's name.
        count: how many entries of each stream at most, -1 for all.
        timeout_ms: how long to wait, None not to.
        group, consumer: names, None in XREAD; is_noack: what is read need not be acknowledged.
        keys, ids: the streams, and for each the text of an ID.
    """

    def __init__(self, args: tuple, is_group: cython.bint, now_ms: cython.longlong) -> None:
        self.args = args
        self.count = -1
        self.timeout_ms: int | None = None
        self.group: bytes | None = None
        self.consumer: bytes | None = None
        self.is_noack = False
        self.keys: Any = None
        self.ids: Any = None
        i: cython.Py_ssize_t = 0
        while self.keys is None:
            i += self.take(i, is_group, now_ms)
        if is_group and self.group is None:
            raise CommandError(errors.GROUP_MISSING)

    def take(self, i: cython.Py_ssize_t, is_group: cython.bint, now_ms: cython.longlong) -> cython.Py_ssize_t:
        """Take the option at index `i`; return how many arguments it had with its name.

        Raises:
            CommandError: there is no such option, or its arguments are wrong.
        """
        args = self.args
        left: cython.Py_ssize_t = len(args) - i - 1
        word = args[i].upper() if left >= 0 else b""
        if word == b"STREAMS" and left:
            self.take_streams(i + 1, is_group)
            return left + 1
        if word == b"COUNT" and left:
            count: cython.longlong = integer(args[i + 1])
            self.count = count if count > 0 else -1
            return 2
        if word == b"BLOCK" and left:
            self.timeout_ms = parse_timeout_ms(args[i + 1], now_ms)
            return 2
        if word == b"GROUP" and left >= 2:
            self.refuse_option(word, is_group)
            self.group = args[i + 1]
            self.consumer = args[i + 2]
            return 3
        if word == b"NOACK":
            self.refuse_option(word, is_group)
            self.is_noack = True
            return 1
        raise CommandError(errors.SYNTAX)

    def refuse_option(self, word: bytes, is_group: cython.bint) -> None:
        """XREAD has no groups.

        Raises:
            CommandError: it is XREAD that was called.
        """
        if not is_group:
            raise CommandError(errors.only_in_xreadgroup(word))

    def take_streams(self, start: cython.Py_ssize_t, is_group: cython.bint) -> None:
        """Take the keys and IDs, which are the rest.

        Raises:
            CommandError: they are not as many.
        """
        half: cython.Py_ssize_t = (len(self.args) - start) >> 1
        if start + 2 * half != len(self.args):
            if is_group:
                raise CommandError(errors.unbalanced_streams(b"xreadgroup", NEW_ENTRIES))
            raise CommandError(errors.unbalanced_streams(b"xread", LAST_ID))
        self.keys = self.args[start : start + half]
        self.ids = self.args[start + half :]

    def with_ids(self, ids: list):
        """The request of XREAD with these IDs in place of its own."""
        return [b"XREAD", *self.args[: len(self.args) - len(ids)], *map(format_id, ids)]


@cython.cfunc
def id_to_follow(stream: Stream | None, text: bytes) -> EntryId:
    """The ID after which XREAD is to read.

    Raises:
        CommandError: it is no ID.
    """
    if text == LAST_ID:
        return 0 if stream is None else stream.last_id
    if text == NEWEST_ENTRY:
        return 0 if stream is None else max(stream.last_id - 1, 0)
    if text == NEW_ENTRIES:
        raise CommandError(errors.NEW_ID_IN_XREAD)
    return stream_id(text)


@command(
    "XREAD",
    "stream",
    arity=-4,
    flags="readonly blocking",
    keys=[after("STREAMS", 1, "RO access", last=-1, limit=2)],
    since="5.0.0",
    args="COUNT=count:integer? BLOCK=milliseconds:integer? STREAMS=streams{key#0* id*}",
)
def xread(ctx: Client, first: bytes, second: bytes, third: bytes, *others: bytes):
    """Returns messages from multiple streams with IDs greater than the ones requested. Blocks until a message is
    available otherwise.
    """
    db: Keyspace = ctx.db
    request: Request = Request((first, second, third, *others), False, db.clock.now_ms)
    found = PairedMap()
    streams: list = []
    ids: list = []
    for key, text in zip(request.keys, request.ids, strict=True):
        stream: Stream = db.read_container(key, Stream)
        streams.append(stream)
        ids.append(id_to_follow(stream, text))
    i: cython.Py_ssize_t
    for i in range(len(streams)):
        stream = streams[i]
        if stream is not None and stream.length and stream.top_id() > ids[i]:
            found.append((request.keys[i], stream.range(ids[i] + 1, MAX_ID, request.count, False, True)))
    if found:
        return found
    if request.timeout_ms is None:
        return NULL_ARRAY
    return Wait(request.keys, request.timeout_ms, Stream, args=request.with_ids(ids))


@cython.cfunc
def id_to_read(text: bytes) -> EntryId:
    """The ID from which XREADGROUP reads a consumer's own entries; MAX_ID for new ones.

    Raises:
        CommandError: it is no ID, or one that has no meaning here.
    """
    if text == NEW_ENTRIES:
        return MAX_ID
    if text in (LAST_ID, NEWEST_ENTRY):
        raise CommandError(errors.meaningless_id(text))
    return stream_id(text)


@command(
    "XREADGROUP",
    "stream",
    arity=-7,
    flags="write blocking",
    keys=[after("STREAMS", 4, "RO access", last=-1, limit=2)],
    since="5.0.0",
    complexity=(
        "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always "
        "asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP "
        "blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data."
    ),
    args=(
        "GROUP=group-block{group consumer} COUNT=count:integer? BLOCK=milliseconds:integer? NOACK? "
        "STREAMS=streams{key#0* id*}"
    ),
    effect=effects.delivered,
)
def xreadgroup(
    ctx: Client,
    first: bytes,
    second: bytes,
    third: bytes,
    fourth: bytes,
    fifth: bytes,
    sixth: bytes,
    *others: bytes,
):
    """Returns new or historical messages from a stream for a consumer in a group. Blocks until a message is available
    otherwise.
    """
    db: Keyspace = ctx.db
    request: Request = Request((first, second, third, fourth, fifth, sixth, *others), True, db.clock.now_ms)
    group_name, consumer_name = cython.cast(bytes, request.group), cython.cast(bytes, request.consumer)
    sources: list = []
    for key, text in zip(request.keys, request.ids, strict=True):
        stream: Stream = db.read_container(key, Stream)
        group = None if stream is None else stream.groups.get(group_name)
        if group is None:
            raise CommandError(errors.no_group_to_read(key, group_name))
        sources.append((key, stream, group, id_to_read(text)))
    found = PairedMap()
    deliveries: list = []
    for key, stream, group, after_id in sources:
        delivery = Delivery(key, group_name, consumer_name, group.consumer(consumer_name) is None)
        deliveries.append(delivery)
        consumer = active_consumer(db, key, stream, group, consumer_name)
        entries = read_as_member(request, stream, group, consumer, after_id, db.clock.now_ms)
        tell_of(delivery, group, entries, after_id == MAX_ID)
        if entries or after_id != MAX_ID:
            found.append((key, entries_reply(entries)))
    if found:
        return Told(found, deliveries)
    if request.timeout_ms is None:
        return Told(NULL_ARRAY, deliveries)
    return Told(Wait(request.keys, request.timeout_ms, Stream, wakes_without_key=True), deliveries)


def tell_of(delivery: Delivery, group: Group, entries: list, are_new: cython.bint) -> None:
    """Tell what reading entries has done to a group: those that are pending count as delivered once more."""
    for entry_id, fields in entries:
        pending = None if fields is None else group.pending.get(entry_id)
        if pending is not None:
            delivery.claim(pending)
    if are_new and entries:
        delivery.place = (group.last_delivered_id, group.entries_read)


@cython.cfunc
def read_as_member(
    request: Request, stream: Stream, group: Group, consumer: Consumer, after_id: EntryId, now_ms: cython.longlong
):
    """The entries of one stream for one consumer: new ones, or its own pending ones after an ID."""
    if after_id == MAX_ID:
        return stream.read_new(group, consumer, request.count, request.is_noack, now_ms)
    return stream.read_pending(group, consumer, after_id, request.count, now_ms)
