"""Keys, whatever is at them: found, deleted, renamed, copied, moved, listed."""

from typing import Any

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.glob import compile_glob
from geventcache.base.numbers import parse_unsigned
from geventcache.command.declaration import command
from geventcache.command.integers import integer, small_integer
from geventcache.command.keyspecs import at
from geventcache.resp.values import OK, Simple
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.store.places import type_name_of
from geventcache.types.container import Container

RENAME_FROM = event(b"rename_from", "g")
RENAME_TO = event(b"rename_to", "g")
COPY_TO = event(b"copy_to", "g")
MOVE_FROM = event(b"move_from", "g")
MOVE_TO = event(b"move_to", "g")

NONE = Simple(b"none")
TYPE_NAMES = frozenset((b"string", b"list", b"set", b"zset", b"hash", b"stream"))
SCAN_COUNT = 10


# ---------------------------------------------------------------------- one by one


@command(
    "DEL",
    "generic",
    arity=-2,
    flags="write",
    keys=[at(1, "RM delete", last=-1)],
    since="1.0.0",
    complexity=(
        "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a "
        "string, the individual complexity for this key is O(M) where M is the number of elements in the list, "
        "set, sorted set or hash. Removing a single key that holds a string value is O(1)."
    ),
    tips="request_policy:multi_shard response_policy:agg_sum",
    args="key#0*",
)
def del_(ctx: Client, key: bytes, *keys: bytes) -> Any:
    """Deletes one or more keys."""
    return delete_all(ctx.db, key, keys)


@command(
    "UNLINK",
    "generic",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RM delete", last=-1)],
    since="4.0.0",
    complexity=(
        "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread "
        "in order to reclaim memory, where N is the number of allocations the deleted objects where composed of."
    ),
    tips="request_policy:multi_shard response_policy:agg_sum",
    args="key#0*",
)
def unlink(ctx: Client, key: bytes, *keys: bytes) -> Any:
    """Asynchronously deletes one or more keys."""
    return delete_all(ctx.db, key, keys)


@cython.cfunc
def delete_all(db: Keyspace, first: bytes, others: tuple):
    """Delete keys; return how many there were. Large values are freed in slices, whoever asked for it."""
    deleted: cython.Py_ssize_t = 1 if db.delete(first) else 0
    for key in others:
        if db.delete(key):
            deleted += 1
    return deleted


@command(
    "EXISTS",
    "generic",
    arity=-2,
    flags="readonly fast",
    keys=[at(1, "RO", last=-1)],
    since="1.0.0",
    complexity="O(N) where N is the number of keys to check.",
    tips="request_policy:multi_shard response_policy:agg_sum",
    args="key#0*",
    history=[("3.0.3", "Accepts multiple `key` arguments.")],
)
def exists(ctx: Client, key: bytes, *keys: bytes) -> Any:
    """Determines whether one or more keys exist."""
    return count_existing(ctx.db, key, keys)


@command(
    "TOUCH",
    "generic",
    arity=-2,
    flags="readonly fast",
    keys=[at(1, "RO", last=-1)],
    since="3.2.1",
    complexity="O(N) where N is the number of keys that will be touched.",
    tips="request_policy:multi_shard response_policy:agg_sum",
    args="key#0*",
)
def touch(ctx: Client, key: bytes, *keys: bytes) -> Any:
    """Returns the number of existing keys out of those specified after updating the time they were last accessed."""
    db = ctx.db
    return sum([db.touch(one) for one in (key, *keys)])


@cython.cfunc
def count_existing(db: Keyspace, first: bytes, others: tuple):
    """How many of the keys exist, repeated ones counted each time."""
    found: cython.Py_ssize_t = 0 if db.read_untouched(first) is None else 1
    for key in others:
        if db.read_untouched(key) is not None:
            found += 1
    return found


@command(
    "TYPE",
    "generic",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0",
)
def type_(ctx: Client, key: bytes) -> Any:
    """Determines the type of value stored at a key."""
    v = ctx.db.read_untouched(key)
    return NONE if v is None else Simple(type_name_of(v))


# ---------------------------------------------------------------------- from one key to another


@command(
    "RENAME",
    "generic",
    arity=3,
    flags="write",
    keys=[at(1, "RW access delete"), at(2, "OW update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 newkey#1",
)
def rename(ctx: Client, key: bytes, newkey: bytes) -> Any:
    """Renames a key and overwrites the destination."""
    db: Keyspace = ctx.db
    check_exists(db, key)
    if newkey != key:
        db.transfer(key, db, newkey, RENAME_FROM, RENAME_TO)
    return OK


@command(
    "RENAMENX",
    "generic",
    arity=3,
    flags="write fast",
    keys=[at(1, "RW access delete"), at(2, "OW insert")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 newkey#1",
    history=[("3.2.0", "The command no longer returns an error when source and destination names are the same.")],
)
def renamenx(ctx: Client, key: bytes, newkey: bytes) -> Any:
    """Renames a key only when the target key name doesn't exist."""
    db: Keyspace = ctx.db
    check_exists(db, key)
    if db.find(newkey) is not None:
        return 0
    db.transfer(key, db, newkey, RENAME_FROM, RENAME_TO)
    return 1


@cython.cfunc
def check_exists(db: Keyspace, key: bytes):
    """Refuse to rename what is not there.

    Raises:
        CommandError: there is no such key.
    """
    if db.find(key) is None:
        raise CommandError(errors.NO_SUCH_KEY)


def database_of(ctx: Client, index: bytes) -> Any:
    """The keyspace of that number.

    Raises:
        CommandError: there is none.
    """
    number = small_integer(index)
    databases = ctx.server.databases
    if not 0 <= number < databases.count:
        raise CommandError(errors.DB_OUT_OF_RANGE)
    return databases.get(number)


@command(
    "MOVE",
    "generic",
    arity=3,
    flags="write fast",
    keys=[at(1, "RW access update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 db:integer",
    databases=lambda args: (2,),
)
def move(ctx: Client, key: bytes, index: bytes) -> Any:
    """Moves a key to another database."""
    db: Keyspace = ctx.db
    target: Keyspace = database_of(ctx, index)
    if target is db:
        raise CommandError(errors.SAME_OBJECT)
    if db.find(key) is None or target.find(key) is not None:
        return 0
    db.transfer(key, target, key, MOVE_FROM, MOVE_TO)
    return 1


def parse_copy_options(ctx: Client, words: tuple) -> Any:
    """Where COPY copies to, and whether it may replace what is there.

    Raises:
        CommandError: a word is unknown or lacks its value, or there is no such database.
    """
    target = ctx.db
    replaces = False
    remaining = iter(words)
    for word in remaining:
        name = word.upper()
        index = next(remaining, None) if name == b"DB" else None
        if name == b"REPLACE":
            replaces = True
        elif index is not None:
            target = database_of(ctx, index)
        else:
            raise CommandError(errors.SYNTAX)
    return target, replaces


@command(
    "COPY",
    "generic",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "RO access"), at(2, "OW update")],
    since="6.2.0",
    complexity="O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
    args="source#0 destination#1 DB=destination-db:integer? REPLACE?",
    databases=lambda args: [i + 1 for i in range(3, len(args) - 1) if args[i].upper() == b"DB"],
)
def copy(ctx: Client, source: bytes, destination: bytes, *words: bytes) -> Any:
    """Copies the value of a key to a new key."""
    db: Keyspace = ctx.db
    target: Keyspace
    target, replaces = parse_copy_options(ctx, words)
    if target is db and source == destination:
        raise CommandError(errors.SAME_OBJECT)
    value = db.read(source)
    if value is None or (not replaces and target.find(destination) is not None):
        return 0
    target.implant(destination, copy_of(value), db.deadline(source))
    target.tell(destination, COPY_TO)
    return 1


@cython.cfunc
def copy_of(value):
    """A value that shares nothing that changes with `value`."""
    if isinstance(value, Container):
        return value.copy()
    return bytearray(value) if isinstance(value, bytearray) else value


# ---------------------------------------------------------------------- all keys


@command(
    "KEYS",
    "generic",
    arity=2,
    flags="readonly",
    acl="dangerous keyspace",
    since="1.0.0",
    complexity=(
        "O(N) with N being the number of keys in the database, under the assumption that the key names in the "
        "database and the given pattern have limited length."
    ),
    tips="request_policy:all_shards nondeterministic_output_order",
    args="pattern:pattern",
)
def keys(ctx: Client, pattern: bytes) -> Any:
    """Returns all key names that match a pattern."""
    found = ctx.db.keys()
    return found if pattern == b"*" else list(filter(compile_glob(pattern), found))


@command(
    "RANDOMKEY",
    "generic",
    arity=1,
    flags="readonly",
    since="1.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:special nondeterministic_output",
)
def randomkey(ctx: Client) -> Any:
    """Returns a random key name from the database."""
    return ctx.db.random_key()


class ScanOptions:
    """MATCH, COUNT and TYPE of a scan over keys; a None is not asked for."""

    def __init__(self, words: tuple[bytes, ...]) -> None:
        """Read the words after the cursor.

        Raises:
            CommandError: a word is unknown, lacks its value or has a wrong one.
        """
        self.pattern: bytes | None = None
        self.type_name: bytes | None = None
        self.count = SCAN_COUNT
        remaining = iter(words)
        for word in remaining:
            name = word.upper()
            if name in (b"NOVALUES", b"NOSCORES"):
                self.refuse(name)
            value = next(remaining, None)
            if value is None:
                raise CommandError(errors.SYNTAX)
            self.take(name, value)

    def refuse(self, name: bytes) -> None:
        """An option of another scan."""
        raise CommandError(errors.only_in(name, b"HSCAN"))

    def take(self, name: bytes, value: bytes) -> None:
        """Note one option."""
        if name == b"MATCH":
            self.pattern = None if value == b"*" else value
        elif name == b"COUNT":
            self.count = integer(value)
            if self.count < 1:
                raise CommandError(errors.SYNTAX)
        elif name == b"TYPE":
            self.type_name = value.lower()
            if self.type_name not in TYPE_NAMES:
                raise CommandError(errors.unknown_type(value))
        else:
            raise CommandError(errors.SYNTAX)


@command(
    "SCAN",
    "generic",
    arity=-2,
    flags="readonly",
    since="2.8.0",
    complexity=(
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to "
        "return back to 0. N is the number of elements inside the collection."
    ),
    tips="nondeterministic_output request_policy:special response_policy:special",
    args="cursor:integer MATCH=pattern:pattern? COUNT=count:integer? TYPE=type@6.0.0?",
    history=[("6.0.0", "Added the `TYPE` subcommand.")],
)
def scan(ctx: Client, cursor: bytes, *words: bytes) -> Any:
    """Iterates over the key names in the database."""
    position = parse_unsigned(cursor)
    if position is None:
        raise CommandError(errors.INVALID_CURSOR)
    options = ScanOptions(words)
    db: Keyspace = ctx.db
    matches = None if options.pattern is None else compile_glob(options.pattern)
    next_cursor, found = db.scan(position, options.count, matches, options.type_name)
    return [b"%d" % next_cursor, found]
