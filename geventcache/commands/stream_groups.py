"""Consumer groups of streams: made, moved and removed. What is called once a group is not compiled.

Groups are beside the entries: what changes them alone moves the stream's `side_revision`, and watched keys do not hear.
"""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.commands.stream_parts import CREATE_CONSUMER, LAST_ID, stream_id
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.stream_ids import MAX_ID, EntryId
from geventcache.types.streams import Stream

CREATE = event(b"xgroup-create", "t")
SETID = event(b"xgroup-setid", "t")
DESTROY = event(b"xgroup-destroy", "t")
DELETE_CONSUMER = event(b"xgroup-delconsumer", "t")
RANGE_ENDS = {b"-": 0, b"+": MAX_ID}

container(
    "XGROUP",
    "stream",
    acl="",
    since="5.0.0",
    summary="A container for consumer groups commands.",
    help_since="5.0.0",
)


def stream_of_group(ctx: Client, key: bytes, event: bytes) -> Stream:
    """The stream that XGROUP is about, opened for change.

    Raises:
        CommandError: there is none, or a value of another type.
    """
    stream = ctx.db.edit(key, Stream, event)
    if stream is None:
        raise CommandError(errors.NO_STREAM_FOR_GROUP)
    return stream


def group_of(ctx: Client, key: bytes, name: bytes, event: bytes):
    """A stream, opened for change, and its group of that name.

    Raises:
        CommandError: there is no such stream, or no such group.
    """
    stream: Stream = stream_of_group(ctx, key, event)
    group = stream.groups.get(name)
    if group is None:
        raise CommandError(errors.no_group_in_stream(key, name))
    return stream, group


def group_options(ctx: Client, options: tuple[bytes, ...], may_create: bool):
    """Whether MKSTREAM is given, and the ENTRIESREAD (-1 if not given) of XGROUP CREATE and SETID.

    Raises:
        CommandError: an option is unknown or incomplete, or the number is wrong.
    """
    creates, entries_read = False, -1
    i = 0
    while i < len(options):
        word = options[i].upper()
        if word == b"MKSTREAM" and may_create:
            creates = True
            i += 1
        elif word == b"ENTRIESREAD" and i + 1 < len(options):
            entries_read = integer(options[i + 1])
            if entries_read < -1:
                raise CommandError(errors.ENTRIES_READ_NEGATIVE)
            i += 2
        else:
            raise bad_use(ctx, b"XGROUP")
    return creates, entries_read


def place_in(stream: "Stream | None", text: bytes, is_strict: bool = True) -> EntryId:
    """The ID at which a group is to stand; ``$`` is the stream's last one, and ``-`` and ``+`` are IDs if not strict.

    Raises:
        CommandError: it is none.
    """
    if text == LAST_ID:
        return 0 if stream is None else stream.last_id
    if text in RANGE_ENDS and not is_strict:
        return RANGE_ENDS[text]
    return stream_id(text)


@command(
    "XGROUP|CREATE",
    "stream",
    arity=-5,
    flags="write denyoom",
    keys=[at(2, "RW insert")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0 group id-selector(id | $=new-id:token) MKSTREAM? ENTRIESREAD=entriesread:integer'entries-read'?",
    history=[("7.0.0", "Added the `entries_read` named argument.")],
)
def xgroup_create(ctx: Client, key: bytes, group: bytes, place: bytes, *options: bytes):
    """Creates a consumer group."""
    db: Keyspace = ctx.db
    creates, entries_read = group_options(ctx, options, True)
    found = db.find_container(key, Stream)
    if found is None and not creates:
        raise CommandError(errors.NO_STREAM_FOR_GROUP)
    last_delivered_id = place_in(found, place)
    stream: Stream = db.edit_or_create(key, Stream, CREATE)
    if not stream.create_group(group, last_delivered_id, entries_read):
        raise CommandError(errors.GROUP_EXISTS)
    return OK


@command(
    "XGROUP|SETID",
    "stream",
    arity=-5,
    flags="write",
    keys=[at(2, "RW update")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0 group id-selector(id | $=new-id:token) ENTRIESREAD=entriesread:integer'entries-read'?",
    history=[("7.0.0", "Added the optional `entries_read` argument.")],
)
def xgroup_setid(ctx: Client, key: bytes, group: bytes, place: bytes, *options: bytes):
    """Sets the last-delivered ID of a consumer group."""
    _, entries_read = group_options(ctx, options, False)
    stream, found = group_of(ctx, key, group, SETID)
    stream.set_group_id(found, place_in(stream, place, is_strict=False), entries_read)
    return OK


@command(
    "XGROUP|DESTROY",
    "stream",
    arity=4,
    flags="write",
    keys=[at(2, "RW delete")],
    since="5.0.0",
    complexity="O(N) where N is the number of entries in the group's pending entries list (PEL).",
    args="key#0 group",
)
def xgroup_destroy(ctx: Client, key: bytes, group: bytes):
    """Destroys a consumer group."""
    return 1 if stream_of_group(ctx, key, DESTROY).destroy_group(group) else 0


@command(
    "XGROUP|CREATECONSUMER",
    "stream",
    arity=5,
    flags="write denyoom",
    keys=[at(2, "RW insert")],
    since="6.2.0",
    complexity="O(1)",
    args="key#0 group consumer",
)
def xgroup_createconsumer(ctx: Client, key: bytes, group: bytes, consumer: bytes):
    """Creates a consumer in a consumer group."""
    stream, found = group_of(ctx, key, group, CREATE_CONSUMER)
    return 0 if stream.create_consumer(found, consumer, ctx.db.clock.real_ms()) is None else 1


@command(
    "XGROUP|DELCONSUMER",
    "stream",
    arity=5,
    flags="write",
    keys=[at(2, "RW delete")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0 group consumer",
)
def xgroup_delconsumer(ctx: Client, key: bytes, group: bytes, consumer: bytes):
    """Deletes a consumer from a consumer group."""
    stream, found = group_of(ctx, key, group, DELETE_CONSUMER)
    return stream.delete_consumer(found, consumer) or 0
