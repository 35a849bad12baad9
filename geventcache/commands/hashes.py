"""Hashes: fields set, read, counted up, deleted, drawn at random and scanned."""

import cython

from geventcache.base import errors
from geventcache.base.counters import added
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.long_double import LongDouble, parse_long_double
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.effects import Told
from geventcache.command.integers import at_least, integer
from geventcache.command.keyspecs import at
from geventcache.command.random_counts import random_count
from geventcache.command.scanning import ScanOptions, parse_cursor
from geventcache.resp.values import OK, Pairs
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.dict_pick import random_keys
from geventcache.types.hashes import Hash
from geventcache.types.random_pick import below

INT64_MIN = cython.declare(cython.longlong, -9223372036854775808)
ZERO = LongDouble(0, 0)

HSET = event(b"hset", "h")
HDEL = event(b"hdel", "h")
HINCRBY = event(b"hincrby", "h")
HINCRBYFLOAT = event(b"hincrbyfloat", "h")


# ---------------------------------------------------------------------- fields set and deleted


@command(
    "HSET",
    "hash",
    arity=-4,
    flags="write denyoom fast",
    keys=[at(1, "RW update")],
    since="2.0.0",
    complexity=(
        "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with "
        "multiple field/value pairs."
    ),
    args="key#0 data{field value}*",
    history=[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
)
def hset(ctx: Client, key: bytes, field: bytes, value: bytes, *pairs: bytes):
    """Creates or modifies the value of a field in a hash."""
    db: Keyspace = ctx.db
    if pairs:
        return set_many(db, key, (field, value, *pairs), b"hset")
    target: Hash = db.edit_or_create(key, Hash, HSET)
    return 1 if target.set(field, value, db.clock.now_ms) else 0


@command(
    "HMSET",
    "hash",
    arity=-4,
    flags="write denyoom fast",
    keys=[at(1, "RW update")],
    since="2.0.0",
    complexity="O(N) where N is the number of fields being set.",
    args="key#0 data{field value}*",
)
def hmset(ctx: Client, key: bytes, field: bytes, value: bytes, *pairs: bytes):
    """Sets the values of multiple fields."""
    set_many(ctx.db, key, (field, value, *pairs), b"hmset")
    return OK


@cython.cfunc
def set_many(db: Keyspace, key: bytes, pairs: tuple, name: bytes):
    """Set fields to values, given one after the other; return how many are new. `name` is the command."""
    i: cython.Py_ssize_t
    added: cython.Py_ssize_t = 0
    if len(pairs) % 2:
        raise CommandError(errors.wrong_arity(name))
    target: Hash = db.edit_or_create(key, Hash, HSET)
    target.expect(len(pairs) // 2)
    for i in range(0, len(pairs), 2):
        if target.set(pairs[i], pairs[i + 1], db.clock.now_ms):
            added += 1
    return added


@command(
    "HSETNX",
    "hash",
    arity=4,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="2.0.0",
    complexity="O(1)",
    args="key#0 field value",
)
def hsetnx(ctx: Client, key: bytes, field: bytes, value: bytes):
    """Sets the value of a field in a hash only when the field doesn't exist."""
    db: Keyspace = ctx.db
    target: Hash = db.edit_or_create(key, Hash, HSET)
    if target.get_live(field, db.clock.now_ms) is not None:
        return 0
    target.set(field, value, db.clock.now_ms)
    return 1


@command(
    "HDEL",
    "hash",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW delete")],
    since="2.0.0",
    complexity="O(N) where N is the number of fields to be removed.",
    args="key#0 field*",
    history=[("2.4.0", "Accepts multiple `field` arguments.")],
)
def hdel(ctx: Client, key: bytes, field: bytes, *fields: bytes):
    """Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain."""
    db: Keyspace = ctx.db
    removed: cython.Py_ssize_t = 0
    target: Hash = db.edit(key, Hash, HDEL)
    if target is None:
        return 0
    for name in (field, *fields):
        if not target.is_due(name, db.clock.now_ms) and target.delete(name):
            removed += 1
    return removed


@command(
    "HINCRBY",
    "hash",
    arity=4,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="2.0.0",
    complexity="O(1)",
    args="key#0 field increment:integer",
)
def hincrby(ctx: Client, key: bytes, field: bytes, by: bytes):
    """Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field
    doesn't exist.
    """
    db: Keyspace = ctx.db
    addend: cython.longlong = integer(by)
    target: Hash = db.edit_or_create(key, Hash, HINCRBY)
    old: bytes | None = target.get_live(field, db.clock.now_ms)
    number: cython.longlong = 0 if old is None else at_least(old, INT64_MIN, errors.HASH_NOT_INTEGER)
    number = added(number, addend)
    target.set(field, b"%d" % number, db.clock.now_ms, True)
    return number


@command(
    "HINCRBYFLOAT",
    "hash",
    arity=4,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="2.6.0",
    complexity="O(1)",
    args="key#0 field increment:double",
    effect=effects.hincrbyfloat,
)
def hincrbyfloat(ctx: Client, key: bytes, field: bytes, by: bytes):
    """Increments the floating point value of a field by a number. Uses 0 as initial value if the field
    doesn't exist.
    """
    db: Keyspace = ctx.db
    addend = parse_long_double(by)
    if addend is None:
        raise CommandError(errors.NOT_FLOAT)
    if not addend.is_finite:
        raise CommandError(errors.VALUE_NOT_FINITE)
    target: Hash = db.edit_or_create(key, Hash, HINCRBYFLOAT)
    old = target.get_live(field, db.clock.now_ms)
    number = ZERO if old is None else parse_long_double(old)
    if number is None:
        raise CommandError(errors.HASH_NOT_FLOAT)
    total = number.plus(addend)
    if not total.is_finite:
        raise CommandError(errors.NAN_OR_INFINITY)
    text = total.text()
    target.set(field, text, db.clock.now_ms, True)
    return Told(text, (text, target.deadline(field)))


# ---------------------------------------------------------------------- fields read


@command(
    "HGET",
    "hash",
    arity=3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(1)",
    args="key#0 field",
)
def hget(ctx: Client, key: bytes, field: bytes):
    """Returns the value of a field in a hash."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    return None if target is None else target.get_live(field, db.clock.now_ms)


@command(
    "HMGET",
    "hash",
    arity=-3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(N) where N is the number of fields being requested.",
    args="key#0 field*",
)
def hmget(ctx: Client, key: bytes, field: bytes, *fields: bytes):
    """Returns the values of all fields in a hash."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    if target is None:
        return [None] * (1 + len(fields))
    return [target.get_live(name, db.clock.now_ms) for name in (field, *fields)]


@command(
    "HEXISTS",
    "hash",
    arity=3,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="2.0.0",
    complexity="O(1)",
    args="key#0 field",
)
def hexists(ctx: Client, key: bytes, field: bytes):
    """Determines whether a field exists in a hash."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    return 1 if target is not None and target.get_live(field, db.clock.now_ms) is not None else 0


@command(
    "HSTRLEN",
    "hash",
    arity=3,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="3.2.0",
    complexity="O(1)",
    args="key#0 field",
)
def hstrlen(ctx: Client, key: bytes, field: bytes):
    """Returns the length of the value of a field."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    value = None if target is None else target.get_live(field, db.clock.now_ms)
    return 0 if value is None else len(value)


@command(
    "HLEN",
    "hash",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="2.0.0",
    complexity="O(1)",
    args="key#0",
)
def hlen(ctx: Client, key: bytes):
    """Returns the number of fields in a hash."""
    target: Hash = ctx.db.read_container(key, Hash)
    return 0 if target is None else len(target)


@command(
    "HGETALL",
    "hash",
    arity=2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(N) where N is the size of the hash.",
    tips="nondeterministic_output_order",
    args="key#0",
)
def hgetall(ctx: Client, key: bytes):
    """Returns all fields and values in a hash."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    if target is None:
        return {}
    return target.live(db.clock.now_ms) if target.has_due(db.clock.now_ms) else target.shown()


@command(
    "HKEYS",
    "hash",
    arity=2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(N) where N is the size of the hash.",
    tips="nondeterministic_output_order",
    args="key#0",
)
def hkeys(ctx: Client, key: bytes):
    """Returns all fields in a hash."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    if target is None:
        return []
    return list(target.live(db.clock.now_ms)) if target.has_due(db.clock.now_ms) else target.shown_names()


@command(
    "HVALS",
    "hash",
    arity=2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(N) where N is the size of the hash.",
    tips="nondeterministic_output_order",
    args="key#0",
)
def hvals(ctx: Client, key: bytes):
    """Returns all values in a hash."""
    db: Keyspace = ctx.db
    target: Hash = db.read_container(key, Hash)
    if target is None:
        return []
    if not target.has_due(db.clock.now_ms):
        return target.shown_values()
    return list(target.live(db.clock.now_ms).values())


@command(
    "HRANDFIELD",
    "hash",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="6.2.0",
    complexity="O(N) where N is the number of fields returned",
    tips="nondeterministic_output",
    args="key#0 options{count:integer WITHVALUES?}?",
)
def hrandfield(ctx: Client, key: bytes, *options: bytes):
    """Returns one or more random fields from a hash."""
    db: Keyspace = ctx.db
    count: cython.longlong = random_count(options[0]) if options else 1
    if len(options) > 2 or (len(options) == 2 and options[1].upper() != b"WITHVALUES"):
        raise CommandError(errors.SYNTAX)
    if len(options) == 2:
        count = random_count(options[0], 2)
    target: Hash = db.read_container(key, Hash)
    found: list = [] if target is None else draw(target, count, db.clock.now_ms)
    if not options:
        return found[0] if found else None
    return Pairs([(name, target.get(name)) for name in found]) if len(options) == 2 else found


@cython.cfunc
def draw(target: Hash, count: cython.longlong, now_ms: cython.longlong) -> list:
    """Up to `count` different fields of a hash that are not due; if `count` is negative, as many that may repeat."""
    if not target.has_due(now_ms):
        return target.random_names(count) if count >= 0 else [target.random_name() for _ in range(-count)]
    fields: dict = target.live(now_ms)
    if count >= 0 or not fields:
        return random_keys(fields, max(0, count))
    names: list = list(fields)
    return [names[below(len(names))] for _ in range(-count)]


@command(
    "HSCAN",
    "hash",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.8.0",
    complexity=(
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to "
        "return back to 0. N is the number of elements inside the collection."
    ),
    tips="nondeterministic_output",
    args="key#0 cursor:integer MATCH=pattern:pattern? COUNT=count:integer? NOVALUES?",
)
def hscan(ctx: Client, key: bytes, cursor: bytes, *options: bytes):
    """Iterates over fields and values of a hash."""
    db: Keyspace = ctx.db
    position = parse_cursor(cursor)
    target: Hash = db.read_container(key, Hash)
    if target is None:
        return (b"0", ())
    scan = ScanOptions(options, b"HSCAN")
    following, names = scan.page(target, position)
    found: list = []
    for name in names:
        value = target.get_live(name, db.clock.now_ms)
        if value is not None:
            found.append(name)
            if not scan.is_bare:
                found.append(value)
    return (following, found)
