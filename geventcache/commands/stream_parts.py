"""What the stream commands have in common: IDs and ranges as arguments, entries as replies, active consumers."""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.resp.values import NULL_ARRAY
from geventcache.store.keyspace import Keyspace
from geventcache.types.stream_groups import Consumer, Group
from geventcache.types.stream_ids import MAX_ID, EntryId, format_id, parse_range_end, parse_range_start, parse_strict_id
from geventcache.types.streams import Stream

CREATE_CONSUMER = event(b"xgroup-createconsumer", "t")
LAST_ID = b"$"


def stream_id(text: bytes) -> EntryId:
    """A complete ID, or its first half.

    Raises:
        CommandError: it is none.
    """
    entry_id = parse_strict_id(text)
    if entry_id is None:
        raise CommandError(errors.INVALID_STREAM_ID)
    return entry_id


def stream_ids(texts) -> list[EntryId]:
    """`stream_id` of each."""
    return [stream_id(text) for text in texts]


def range_start(text: bytes) -> EntryId:
    """The first ID of a range.

    Raises:
        CommandError: it is no ID, or excludes the greatest.
    """
    entry_id = parse_range_start(text)
    if entry_id is None:
        raise CommandError(errors.INVALID_STREAM_ID)
    if entry_id > MAX_ID:
        raise CommandError(errors.RANGE_START_INVALID)
    return entry_id


def range_end(text: bytes) -> EntryId:
    """The last ID of a range.

    Raises:
        CommandError: it is no ID, or excludes the least.
    """
    entry_id = parse_range_end(text)
    if entry_id is None:
        raise CommandError(errors.INVALID_STREAM_ID)
    if entry_id < 0:
        raise CommandError(errors.RANGE_END_INVALID)
    return entry_id


@cython.cfunc
def entry_reply(entry: tuple) -> tuple:
    """An entry as clients see it; fields and values are null when it was deleted."""
    fields = entry[1]
    return format_id(entry[0]), NULL_ARRAY if fields is None else fields


def entries_reply(entries: list):
    """Entries as clients see them."""
    return [entry_reply(entry) for entry in entries]


def active_consumer(db: Keyspace, key: bytes, stream: Stream, group: Group, name: bytes) -> Consumer:
    """The consumer that asks for something now; a new one, with an event, if the group has none of that name.

    The stream is opened for all that the command does to the group, of which nothing else has an event.
    """
    now_ms = db.clock.real_ms()
    found = group.consumer(name)
    consumer: Consumer
    db.edit(key, Stream, None)
    if found is None:
        db.edit(key, Stream, CREATE_CONSUMER, False)
        consumer = cython.cast(Consumer, stream.create_consumer(group, name, now_ms))
    else:
        consumer = found
    consumer.seen_time_ms = now_ms
    return consumer
