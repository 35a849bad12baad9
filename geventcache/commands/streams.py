"""Streams: their entries added, shown by range, removed and trimmed."""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.effects import Told
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.commands.stream_parts import range_end, range_start, stream_id, stream_ids
from geventcache.resp.values import NULL_ARRAY, OK
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.stream_ids import MAX_HALF, EntryId, format_halves, parse_new_id
from geventcache.types.streams import Stream

XADD_EVENT = event(b"xadd", "t")
XTRIM_EVENT = event(b"xtrim", "t")
XDEL_EVENT = event(b"xdel", "t")
XSETID_EVENT = event(b"xsetid", "t")
AUTO_ID = b"*"
# How much an approximate trim removes at once unless LIMIT says it: so many full nodes, but not more entries than that.
TRIM_NODES = 100
TRIM_ENTRIES = 10_000
MAX_TRIM_ENTRIES = 1_000_000


class Trim:
    """The trimming options of XADD and XTRIM, and XADD's NOMKSTREAM.

    Attributes:
        strategy: MAXLEN, MINID or None.
        threshold: the greatest length, or the least ID, to be left.
        is_approximate: whole nodes only.
        limit: how many entries to remove at most, 0 for no limit; None until it is given.
        creates: a missing stream is created.
    """

    def __init__(self) -> None:
        self.strategy: bytes | None = None
        self.threshold: EntryId = 0
        self.is_approximate = False
        self.limit: int | None = None
        self.creates = True

    def take(self, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Take the option at index `i`; return how many arguments it had with its name, 0 if it is none.

        Raises:
            CommandError: its argument is wrong, or it contradicts another one.
        """
        word = args[i].upper()
        if i + 1 == len(args):
            return 0
        if word in (b"MAXLEN", b"MINID"):
            return self.take_strategy(word, args, i)
        if word == b"LIMIT":
            limit = integer(args[i + 1])
            if limit < 0:
                raise CommandError(errors.TRIM_LIMIT_NEGATIVE)
            self.limit = limit
            return 2
        return 0

    def take_strategy(self, word: bytes, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Take MAXLEN or MINID, with or without ``~`` or ``=``."""
        if self.strategy is not None:
            raise CommandError(errors.TRIM_STRATEGIES)
        has_operator: cython.bint = i + 2 < len(args) and args[i + 1] in (b"~", b"=")
        self.is_approximate = has_operator and args[i + 1] == b"~"
        text = args[i + 1 + has_operator]
        if word == b"MINID":
            self.threshold = stream_id(text)
        else:
            self.threshold = integer(text)
            if self.threshold < 0:
                raise CommandError(errors.TRIM_MAXLEN_NEGATIVE)
        self.strategy = word
        return 2 + has_operator

    def check(self, node_entries: cython.Py_ssize_t, is_needed: cython.bint = False) -> None:
        """Refuse a LIMIT that has nothing to limit; fill in the one that nobody gave.

        Args:
            node_entries: how many entries a node has at most, 0 for any number.
            is_needed: there must be a strategy.

        Raises:
            CommandError: the options do not go together.
        """
        if self.limit and self.strategy is None:
            raise CommandError(errors.TRIM_LIMIT_ALONE)
        if is_needed and self.strategy is None:
            raise CommandError(errors.TRIM_NO_STRATEGY)
        if self.limit is not None and not self.is_approximate:
            raise CommandError(errors.TRIM_LIMIT_EXACT)
        if self.limit is None and self.is_approximate:
            self.limit = min(TRIM_NODES * node_entries, MAX_TRIM_ENTRIES) or TRIM_ENTRIES

    def run(self, stream: Stream) -> cython.Py_ssize_t:
        """Trim a stream; return how many entries went."""
        if self.strategy == b"MAXLEN":
            return stream.trim_to_length(self.threshold, self.is_approximate, self.limit or 0)
        return stream.trim_below(self.threshold, self.is_approximate, self.limit or 0)


@cython.cfunc
def append(ctx: Client, stream: Stream, id_text: bytes, halves, fields: tuple):
    """Add an entry; return its ID as text.

    Args:
        id_text: the ID that was asked for, and `halves` what `parse_new_id` made of it, if it is not ``*``.

    Raises:
        CommandError: the ID is not greater than all before, or there are no more.
    """
    ms: cython.ulonglong
    seq: cython.ulonglong
    if stream.last_ms == MAX_HALF and stream.last_seq == MAX_HALF:
        raise CommandError(errors.ENTRY_IDS_EXHAUSTED)
    if id_text == AUTO_ID:
        ms, seq = stream.next_id(ctx.db.clock.now_ms)
    else:
        ms = halves[0]
        seq = stream.next_seq(ms) if halves[1] is None else halves[1]
    if not stream.append(ms, seq, fields):
        raise CommandError(errors.ENTRY_ID_TOO_LOW)
    return format_halves(ms, seq)


@command(
    "XADD",
    "stream",
    arity=-5,
    flags="write denyoom fast",
    keys=[at(1, "RW update", notes="UPDATE instead of INSERT because of the optional trimming feature")],
    since="5.0.0",
    complexity="O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
    tips="nondeterministic_output",
    args=(
        "key#0 NOMKSTREAM@6.2.0? trim{strategy(MAXLEN | MINID@6.2.0) operator(==equal:token | "
        "~=approximately:token)? threshold LIMIT=count:integer@6.2.0?}? id-selector(*=auto-id:token | id) data{field "
        "value}*"
    ),
    history=[
        ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
        ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
    ],
    effect=effects.xadd,
)
def xadd(ctx: Client, key: bytes, first: bytes, second: bytes, third: bytes, *others: bytes):
    """Appends a new message to a stream. Creates the key if it doesn't exist."""
    if first == AUTO_ID and not len(others) % 2:
        stream: Stream = ctx.db.edit_or_create(key, Stream, XADD_EVENT)
        return append(ctx, stream, first, None, (second, third, *others))
    return add_with_options(ctx, key, (first, second, third, *others))


@cython.cfunc
def add_with_options(ctx: Client, key: bytes, args: tuple):
    """XADD with all that it can be asked for; `args` are options, ID, fields and values."""
    db: Keyspace = ctx.db
    trim: Trim
    i: cython.Py_ssize_t
    trim, i, halves = parse_options(args)
    trim.check(db.limits.stream_node_max_entries)
    fields = args[i + 1 :]
    if not fields or len(fields) % 2:
        raise CommandError(errors.wrong_arity(b"xadd"))
    if halves == (0, 0):
        raise CommandError(errors.ENTRY_ID_ZERO)
    stream = db.edit_or_create(key, Stream, XADD_EVENT) if trim.creates else db.edit(key, Stream, XADD_EVENT)
    if stream is None:
        return None
    added = append(ctx, stream, args[i], halves, fields)
    length = None
    if trim.strategy is not None:
        trim.run(db.edit(key, Stream, XTRIM_EVENT, False))  # opened again, for an event of its own
        length = stream.length
    return Told(added, (added, 2 + i, length))


@cython.cfunc
def parse_options(args: tuple) -> tuple:
    """The options of XADD, the index of the ID behind them (which may be missing), and its halves unless it is ``*``.

    Raises:
        CommandError: an option is wrong, or what follows is no ID.
    """
    trim: Trim = Trim()
    i: cython.Py_ssize_t = 0
    taken: cython.Py_ssize_t
    while i < len(args) and args[i] != AUTO_ID:
        if args[i].upper() == b"NOMKSTREAM":
            trim.creates = False
            i += 1
            continue
        taken = trim.take(args, i)
        if not taken:
            halves = parse_new_id(args[i])
            if halves is None:
                raise CommandError(errors.INVALID_STREAM_ID)
            return trim, i, halves
        i += taken
    return trim, i, None


@command(
    "XTRIM",
    "stream",
    arity=-4,
    flags="write",
    keys=[at(1, "RW delete")],
    since="5.0.0",
    complexity=(
        "O(N), with N being the number of evicted entries. Constant times are very small however, since entries are "
        "organized in macro nodes containing multiple entries that can be released with a single deallocation."
    ),
    tips="nondeterministic_output",
    args=(
        "key#0 trim{strategy(MAXLEN | MINID@6.2.0) operator(==equal:token | ~=approximately:token)? threshold "
        "LIMIT=count:integer@6.2.0?}"
    ),
    history=[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")],
    effect=effects.xtrim,
)
def xtrim(ctx: Client, key: bytes, first: bytes, second: bytes, *others: bytes):
    """Deletes messages from the beginning of a stream."""
    args = (first, second, *others)
    trim: Trim = Trim()
    i: cython.Py_ssize_t = 0
    taken: cython.Py_ssize_t
    while i < len(args):
        taken = trim.take(args, i)
        if not taken:
            raise CommandError(errors.SYNTAX)
        i += taken
    trim.check(ctx.db.limits.stream_node_max_entries, True)
    stream: Stream = ctx.db.edit(key, Stream, XTRIM_EVENT)
    return 0 if stream is None else Told(trim.run(stream), stream.length)


@command(
    "XLEN",
    "stream",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0",
)
def xlen(ctx: Client, key: bytes):
    """Returns the number of messages in a stream."""
    stream: Stream = ctx.db.read_container(key, Stream)
    return 0 if stream is None else stream.length


@command(
    "XDEL",
    "stream",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW delete")],
    since="5.0.0",
    complexity="O(1) for each single item to delete in the stream, regardless of the stream size.",
    args="key#0 id*",
)
def xdel(ctx: Client, key: bytes, entry_id: bytes, *others: bytes):
    """Returns the number of messages after removing them from a stream."""
    stream: Stream = ctx.db.edit(key, Stream, XDEL_EVENT)
    if stream is None:
        return 0
    return sum([stream.delete(one) for one in stream_ids((entry_id, *others))])


def range_count(options: tuple[bytes, ...]):
    """The COUNT of a range, 0 when it is negative; -1 without one.

    Raises:
        CommandError: there is another option, or it is no integer.
    """
    count = -1
    for i in range(0, len(options), 2):
        if options[i].upper() != b"COUNT" or i + 1 == len(options):
            raise CommandError(errors.SYNTAX)
        count = max(integer(options[i + 1]), 0)
    return count


@cython.cfunc
def read_range(ctx: Client, key: bytes, start: EntryId, end: EntryId, options: tuple, reverse: cython.bint):
    """The entries of a range; null if none is asked for."""
    count: cython.Py_ssize_t = range_count(options)
    stream: Stream = ctx.db.read_container(key, Stream)
    if stream is None:
        return ()
    return stream.range(start, end, count, reverse, True) if count else NULL_ARRAY


@command(
    "XRANGE",
    "stream",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="5.0.0",
    complexity=(
        "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first "
        "10 elements with COUNT), you can consider it O(1)."
    ),
    args="key#0 start end COUNT=count:integer?",
    history=[("6.2.0", "Added exclusive ranges.")],
)
def xrange(ctx: Client, key: bytes, start: bytes, end: bytes, *options: bytes):
    """Returns the messages from a stream within a range of IDs."""
    return read_range(ctx, key, range_start(start), range_end(end), options, False)


@command(
    "XREVRANGE",
    "stream",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="5.0.0",
    complexity=(
        "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 "
        "elements with COUNT), you can consider it O(1)."
    ),
    args="key#0 end start COUNT=count:integer?",
    history=[("6.2.0", "Added exclusive ranges.")],
)
def xrevrange(ctx: Client, key: bytes, end: bytes, start: bytes, *options: bytes):
    """Returns the messages from a stream within a range of IDs in reverse order."""
    first = range_start(start)
    return read_range(ctx, key, first, range_end(end), options, True)


class LastId:
    """What XSETID sets: the last ID, how many entries were ever added (-1: as before), the greatest deleted ID (0)."""

    def __init__(self, text: bytes, options: tuple[bytes, ...]) -> None:
        self.last_id = stream_id(text)
        self.entries_added = -1
        self.max_deleted_id = 0
        for i in range(0, len(options), 2):
            self.take(options[i].upper(), options[i + 1 : i + 2])

    def take(self, word: bytes, argument: tuple[bytes, ...]) -> None:
        """Take an option.

        Raises:
            CommandError: it is unknown, or its argument is wrong or missing.
        """
        if not argument or word not in (b"ENTRIESADDED", b"MAXDELETEDID"):
            raise CommandError(errors.SYNTAX)
        if word == b"ENTRIESADDED":
            self.entries_added = integer(argument[0])
            if self.entries_added < 0:
                raise CommandError(errors.ENTRIES_ADDED_NEGATIVE)
            return
        self.max_deleted_id = stream_id(argument[0])
        if self.last_id < self.max_deleted_id:
            raise CommandError(errors.LAST_ID_BELOW_GIVEN)

    def check(self, stream: Stream) -> None:
        """Refuse what contradicts the stream's entries.

        Raises:
            CommandError: it does.
        """
        if self.last_id < stream.max_deleted_id:
            raise CommandError(errors.LAST_ID_BELOW_DELETED)
        if not stream.length:
            return
        if self.last_id < stream.top_id():
            raise CommandError(errors.LAST_ID_BELOW_TOP)
        if 0 <= self.entries_added < stream.length:
            raise CommandError(errors.ENTRIES_ADDED_TOO_LOW)


@command(
    "XSETID",
    "stream",
    arity=-3,
    flags="write denyoom fast",
    keys=[at(1, "RW update")],
    since="5.0.0",
    complexity="O(1)",
    args="key#0 last-id ENTRIESADDED=entries-added:integer@7.0.0? MAXDELETEDID=max-deleted-id@7.0.0?",
    history=[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")],
)
def xsetid(ctx: Client, key: bytes, last_id: bytes, *options: bytes):
    """An internal command for replicating stream values."""
    given = LastId(last_id, options)
    stream: Stream = ctx.db.edit(key, Stream, XSETID_EVENT)
    if stream is None:
        raise CommandError(errors.NO_SUCH_KEY)
    given.check(stream)
    stream.set_ids(given.last_id, given.entries_added, given.max_deleted_id)
    return OK
