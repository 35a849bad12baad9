"""Fields of hashes by name and number: their deadlines, and the commands that read or set several at once."""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.times import NEVER_MS
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.effects import Told
from geventcache.command.expiration import is_met, parse_condition, rounded_seconds
from geventcache.command.hash_fields import FieldOptions, field_deadline, read_fields, split_fields
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.services.listeners.notify import HEXPIRED_AT_ONCE
from geventcache.store.keyspace import Keyspace
from geventcache.store.places import DEL, NEW
from geventcache.types.hashes import Hash

# What is answered for a field.
NO_FIELD = cython.declare(cython.int, -2)
NO_DEADLINE = cython.declare(cython.int, -1)
NOT_MET = cython.declare(cython.int, 0)
DONE = cython.declare(cython.int, 1)
EXPIRED = cython.declare(cython.int, 2)

HSET = event(b"hset", "h")
HDEL = event(b"hdel", "h")
HEXPIRE = event(b"hexpire", "h")
HPERSIST = event(b"hpersist", "h")

HGETEX_OPTIONS = frozenset((b"PERSIST",))
HSETEX_OPTIONS = frozenset((b"NX", b"XX", b"FNX", b"FXX", b"KEEPTTL"))


def named_fields(word: bytes, words: tuple, mismatch: bytes):
    """The fields of a request that has no options before FIELDS."""
    if word.upper() != b"FIELDS":
        raise CommandError(errors.SYNTAX)
    return read_fields(words, mismatch)


# ---------------------------------------------------------------------- deadlines set and taken away


@cython.cfunc
def expire_fields(
    db: Keyspace,
    key: bytes,
    amount: bytes,
    words: tuple,
    is_seconds: cython.bint,
    base_ms: cython.longlong,
    name: bytes,
):
    """Give fields a deadline, each if it meets the conditions among `words`; return what happened to each.

    Args:
        base_ms: what `amount` is counted from.
        name: the command.
    """
    options, rest = split_fields(words)
    condition: cython.int = parse_condition(options)
    fields: tuple = read_fields(rest, errors.NUMFIELDS)
    deadline_ms: cython.longlong = field_deadline(integer(amount), is_seconds, base_ms, name)
    target: Hash = db.edit(key, Hash, event_of(db, deadline_ms))
    if target is None:
        return [NO_FIELD] * len(fields)
    db.expect_deadline(key, deadline_ms)
    return [expire_field(db, target, field, condition, deadline_ms) for field in fields]


@cython.cfunc
def event_of(db: Keyspace, deadline_ms: cython.longlong):
    """The event of fields that are given a deadline, which may be over."""
    return HEXPIRE if deadline_ms > db.clock.now_ms else HEXPIRED_AT_ONCE


@cython.cfunc
def expire_field(db: Keyspace, target: Hash, field: bytes, condition: cython.int, deadline_ms: cython.longlong):
    """Give a field a deadline if it meets the condition; return what happened."""
    if target.get_live(field, db.clock.now_ms) is None:
        return NO_FIELD
    if condition:
        current_ms = target.deadline(field)
        if not is_met(condition, NEVER_MS if current_ms is None else current_ms, deadline_ms):
            return NOT_MET
    return give_deadline(db, target, field, deadline_ms)


@cython.cfunc
def give_deadline(db: Keyspace, target: Hash, field: bytes, deadline_ms: cython.longlong):
    """Give an existing field a deadline, or remove it if that is over; return what happened."""
    if deadline_ms > db.clock.now_ms:
        target.set_deadline(field, deadline_ms, db.clock.now_ms)
        return DONE
    target.delete(field)
    db.expired_elements += 1
    return EXPIRED


@command(
    "HEXPIRE",
    "hash",
    arity=-6,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 seconds:integer condition(NX | XX | GT | LT)? FIELDS=fields{numfields:integer field*}",
    effect=effects.hexpire,
)
def hexpire(ctx: Client, key: bytes, seconds: bytes, first: bytes, second: bytes, third: bytes, *more: bytes):
    """Sets expiry time on hash fields."""
    words = (first, second, third, *more)
    return expire_fields(ctx.db, key, seconds, words, True, ctx.db.clock.now_ms, b"hexpire")


@command(
    "HPEXPIRE",
    "hash",
    arity=-6,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 milliseconds:integer condition(NX | XX | GT | LT)@9.0.0? FIELDS=fields{numfields:integer#0 field*}",
    effect=effects.hpexpire,
)
def hpexpire(ctx: Client, key: bytes, milliseconds: bytes, first: bytes, second: bytes, third: bytes, *more: bytes):
    """Sets expiry time on hash object."""
    words = (first, second, third, *more)
    return expire_fields(ctx.db, key, milliseconds, words, False, ctx.db.clock.now_ms, b"hpexpire")


@command(
    "HEXPIREAT",
    "hash",
    arity=-6,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args=(
        "key#0 unix-time-seconds:integer condition(NX | XX | GT | LT)@9.0.0? FIELDS=fields{numfields:integer#0 field*}"
    ),
    effect=effects.hexpireat,
)
def hexpireat(ctx: Client, key: bytes, seconds: bytes, first: bytes, second: bytes, third: bytes, *more: bytes):
    """Sets expiry time on hash fields."""
    words = (first, second, third, *more)
    return expire_fields(ctx.db, key, seconds, words, True, 0, b"hexpireat")


@command(
    "HPEXPIREAT",
    "hash",
    arity=-6,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args=(
        "key#0 unix-time-milliseconds:integer condition(NX | XX | GT | LT)@9.0.0? "
        "FIELDS=fields{numfields:integer#0 field*}"
    ),
    effect=effects.hpexpireat,
)
def hpexpireat(ctx: Client, key: bytes, milliseconds: bytes, first: bytes, second: bytes, third: bytes, *more: bytes):
    """Sets expiration time on hash field."""
    words = (first, second, third, *more)
    return expire_fields(ctx.db, key, milliseconds, words, False, 0, b"hpexpireat")


@command(
    "HPERSIST",
    "hash",
    arity=-5,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 FIELDS=fields{numfields:integer#0 field*}",
    effect=effects.hpersist,
)
def hpersist(ctx: Client, key: bytes, word: bytes, numfields: bytes, field: bytes, *fields: bytes):
    """Remove the existing expiration on a hash key's field(s)."""
    db: Keyspace = ctx.db
    names: tuple = named_fields(word, (numfields, field, *fields), errors.NUMFIELDS)
    target: Hash = db.edit(key, Hash, HPERSIST)
    if target is None:
        return [NO_FIELD] * len(names)
    return [persist_field(db, target, name) for name in names]


@cython.cfunc
def persist_field(db: Keyspace, target: Hash, field: bytes):
    """Take a field's deadline away; return what happened."""
    if target.get_live(field, db.clock.now_ms) is None:
        return NO_FIELD
    return DONE if target.set_deadline(field, None) else NO_DEADLINE


# ---------------------------------------------------------------------- deadlines read


@cython.cfunc
def read_deadlines(db: Keyspace, key: bytes, word: bytes, words: tuple) -> list:
    """The deadline of each named field in milliseconds since the epoch, NO_FIELD or NO_DEADLINE."""
    fields: tuple = named_fields(word, words, errors.SYNTAX)
    target: Hash = db.read_container(key, Hash)
    if target is None:
        return [NO_FIELD] * len(fields)
    return [read_deadline(target, field, db.clock.now_ms) for field in fields]


@cython.cfunc
def read_deadline(target: Hash, field: bytes, now_ms: cython.longlong):
    """The deadline of a field in milliseconds since the epoch, NO_FIELD or NO_DEADLINE."""
    if target.get_live(field, now_ms) is None:
        return NO_FIELD
    deadline_ms = target.deadline(field)
    return NO_DEADLINE if deadline_ms is None else deadline_ms


@command(
    "HEXPIRETIME",
    "hash",
    arity=-5,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 FIELDS=fields{numfields:integer#0 field*}",
)
def hexpiretime(ctx: Client, key: bytes, word: bytes, numfields: bytes, field: bytes, *fields: bytes):
    """Returns Unix timestamps in seconds since the epoch at which the given key's field(s) will expire."""
    found: list = read_deadlines(ctx.db, key, word, (numfields, field, *fields))
    return [ms if ms < 0 else rounded_seconds(ms) for ms in found]


@command(
    "HPEXPIRETIME",
    "hash",
    arity=-5,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 FIELDS=fields{numfields:integer#0 field*}",
)
def hpexpiretime(ctx: Client, key: bytes, word: bytes, numfields: bytes, field: bytes, *fields: bytes):
    """Returns the Unix timestamp in milliseconds since Unix epoch at which the given key's field(s) will expire."""
    return read_deadlines(ctx.db, key, word, (numfields, field, *fields))


@command(
    "HTTL",
    "hash",
    arity=-5,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 FIELDS=fields{numfields:integer#0 field*}",
)
def httl(ctx: Client, key: bytes, word: bytes, numfields: bytes, field: bytes, *fields: bytes):
    """Returns the remaining time to live (in seconds) of a hash key's field(s) that have an associated expiration."""
    now_ms: cython.longlong = ctx.db.clock.now_ms
    found: list = read_deadlines(ctx.db, key, word, (numfields, field, *fields))
    return [ms if ms < 0 else rounded_seconds(ms - now_ms) for ms in found]


@command(
    "HPTTL",
    "hash",
    arity=-5,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args="key#0 FIELDS=fields{numfields:integer#0 field*}",
)
def hpttl(ctx: Client, key: bytes, word: bytes, numfields: bytes, field: bytes, *fields: bytes):
    """Returns the remaining time to live in milliseconds of a hash key's field(s) that have an associated
    expiration.
    """
    now_ms: cython.longlong = ctx.db.clock.now_ms
    found: list = read_deadlines(ctx.db, key, word, (numfields, field, *fields))
    return [ms if ms < 0 else ms - now_ms for ms in found]


# ---------------------------------------------------------------------- values and deadlines together


@command(
    "HGETDEL",
    "hash",
    arity=-5,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="9.1.0",
    complexity="O(N) where N is the number of fields to be retrieved and deleted.",
    args="key#0 FIELDS=fields{numfields:integer#0 field*}",
    effect=effects.hgetdel,
)
def hgetdel(ctx: Client, key: bytes, word: bytes, numfields: bytes, field: bytes, *fields: bytes):
    """Returns the values of one or more fields and deletes them from a hash."""
    db: Keyspace = ctx.db
    names: tuple = named_fields(word, (numfields, field, *fields), errors.NUMFIELDS)
    target: Hash = db.edit(key, Hash, HDEL)
    if target is None:
        return [None] * len(names)
    found: list = []
    for name in names:
        value = target.get_live(name, db.clock.now_ms)
        if value is not None:
            target.delete(name)
        found.append(value)
    return found


@command(
    "HGETEX",
    "hash",
    arity=-5,
    flags="write fast",
    keys=[at(1, "RW access update")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args=(
        "key#0 expiration(EX=seconds:integer | PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | "
        "PXAT=unix-time-milliseconds:unix-time | PERSIST)? FIELDS=fields{numfields:integer#0 field*}"
    ),
    effect=effects.hgetex,
)
def hgetex(ctx: Client, key: bytes, first: bytes, second: bytes, third: bytes, *more: bytes):
    """Gets the value of one or more fields of a given hash key, and optionally sets their expiration time
    or time-to-live (TTL).
    """
    db: Keyspace = ctx.db
    words, rest = split_fields((first, second, third, *more))
    options = FieldOptions(words, HGETEX_OPTIONS)
    fields: tuple = read_fields(rest, errors.NUMFIELDS)
    target: Hash = db.read_container(key, Hash)
    deadline_ms: cython.longlong = options.deadline_ms(db.clock.now_ms, b"hgetex")
    if target is None:
        return [None] * len(fields)
    if options.deadline is None:
        return [target.get_live(field, db.clock.now_ms) for field in fields]
    target = db.edit(key, Hash, event_of(db, deadline_ms) if deadline_ms else HPERSIST)
    db.expect_deadline(key, deadline_ms)
    return [get_and_expire(db, target, field, deadline_ms) for field in fields]


@cython.cfunc
def get_and_expire(db: Keyspace, target: Hash, field: bytes, deadline_ms: cython.longlong):
    """Return the value of a field, which is given a deadline then; 0 takes it away."""
    value = target.get_live(field, db.clock.now_ms)
    if value is None:
        return None
    if deadline_ms:
        give_deadline(db, target, field, deadline_ms)
    else:
        target.set_deadline(field, None)
    return value


@command(
    "HSETEX",
    "hash",
    arity=-6,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="9.0.0",
    complexity="O(N) where N is the number of specified fields.",
    args=(
        "key#0 key-condition(NX | XX)? fields-condition(FNX | FXX)? expiration(EX=seconds:integer | "
        "PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | PXAT=unix-time-milliseconds:unix-time | "
        "KEEPTTL)? FIELDS=fields{numfields:integer#0 data{field value}*}"
    ),
    effect=effects.hsetex,
)
def hsetex(ctx: Client, key: bytes, first: bytes, second: bytes, third: bytes, fourth: bytes, *more: bytes):
    """Sets the value of one or more fields of a given hash key, and optionally sets their expiration time."""
    db: Keyspace = ctx.db
    words, rest = split_fields((first, second, third, fourth, *more))
    options = FieldOptions(words, HSETEX_OPTIONS)
    pairs: tuple = read_fields(rest, errors.NUMFIELDS, 2)
    target: Hash = db.find_container(key, Hash)
    if options.condition is not None and (target is None) != (options.condition == b"NX"):
        return 0
    deadline_ms: cython.longlong = options.deadline_ms(db.clock.now_ms, b"hsetex")
    if options.fields_condition is not None and not may_set(db, target, pairs, options.fields_condition == b"FXX"):
        return 0
    if 0 < deadline_ms <= db.clock.now_ms:
        set_in_vain(ctx, key, target, pairs)
        return 1
    keeps_deadline: cython.bint = options.deadline == b"KEEPTTL"
    target = set_until(db, key, pairs, deadline_ms, keeps_deadline)
    kept = deadlines_of(target, pairs) if keeps_deadline else None
    return Told(1, kept) if kept else 1


def deadlines_of(target: Hash, pairs: tuple):
    """The deadlines of those fields that have one."""
    fields = dict.fromkeys(pairs[::2])
    return {field: target.deadline(field) for field in fields if target.deadline(field) is not None}


@cython.cfunc
def may_set(db: Keyspace, target: Hash | None, pairs: tuple, is_wanted: cython.bint):
    """Tell whether all the fields are there, or none of them if that is wanted; `target` is None without a key."""
    i: cython.Py_ssize_t
    for i in range(0, len(pairs), 2):
        if (target is not None and target.get_live(pairs[i], db.clock.now_ms) is not None) != is_wanted:
            return False
    return True


@cython.cfunc
def set_until(db: Keyspace, key: bytes, pairs: tuple, deadline_ms: cython.longlong, keeps_deadline: cython.bint):
    """Set fields, which are given a deadline then unless that is 0; return their hash."""
    i: cython.Py_ssize_t
    target: Hash = db.edit_or_create(key, Hash, HSET)
    if not deadline_ms:
        for i in range(0, len(pairs), 2):
            target.set(pairs[i], pairs[i + 1], db.clock.now_ms, keeps_deadline)
        return target
    db.edit(key, Hash, HEXPIRE, False)  # opened once more, so that its event follows
    db.expect_deadline(key, deadline_ms)
    for i in range(0, len(pairs), 2):
        target.set_until(pairs[i], pairs[i + 1], deadline_ms, db.clock.now_ms)
    return target


@cython.cfunc
def set_in_vain(ctx: Client, key: bytes, target: Hash | None, pairs: tuple):
    """Set fields whose deadline is over: all that is seen of them are events, and that those which were there go.

    The events are published, and there is a change only if a field goes. `target` is None without a key.
    """
    db: Keyspace = ctx.db
    fields = dict.fromkeys(pairs[::2])
    db.expired_elements += len(fields)
    goes: cython.bint = False
    for field in fields:
        goes = goes or (target is not None and target.has(field))
    events = (HSET, HEXPIRE) if goes else (HSET, HEXPIRE, HEXPIRED_AT_ONCE)
    for each in events if target is not None else (NEW, *events, DEL):
        db.notify(key, each)
    if goes:
        target = db.edit(key, Hash, HEXPIRED_AT_ONCE)
        for field in fields:
            target.delete(field)
