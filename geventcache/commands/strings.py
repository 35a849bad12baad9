"""Strings as a whole: read, stored on conditions and until deadlines, counted."""

from typing import Any

import cython

from geventcache.base import errors
from geventcache.base.counters import added
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.long_double import LongDouble, parse_long_double
from geventcache.base.table import Text
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.expiration import deadline_of, parse_expiration
from geventcache.command.integers import at_least, integer
from geventcache.command.keyspecs import at, counted_at
from geventcache.command.string_options import StringOptions
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types.container import Container

INT64_MIN = -9223372036854775808
INT32_MAX = 2147483647
ZERO = LongDouble(0, 0)

SET = event(b"set", "$")
INCRBY = event(b"incrby", "$")
INCRBYFLOAT = event(b"incrbyfloat", "$")

SET_OPTIONS = frozenset((b"NX", b"XX", b"IFEQ", b"GET", b"KEEPTTL"))
GETEX_OPTIONS = frozenset((b"PERSIST",))
MSETEX_OPTIONS = frozenset((b"NX", b"XX", b"KEEPTTL"))


# ---------------------------------------------------------------------- values


@command(
    "GET",
    "string",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0",
)
def get(ctx: Client, key: bytes) -> Any:
    """Returns the string value of a key."""
    return ctx.db.read_string(key)


@command(
    "MGET",
    "string",
    arity=-2,
    flags="readonly fast",
    keys=[at(1, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N) where N is the number of keys to retrieve.",
    tips="request_policy:multi_shard",
    args="key#0*",
)
def mget(ctx: Client, first: bytes, *others: bytes) -> Any:
    """Atomically returns the string values of one or more keys."""
    db: Keyspace = ctx.db
    found: list = [value_or_none(db, first)]
    for key in others:
        found.append(value_or_none(db, key))
    return found


@cython.cfunc
def value_or_none(db: Keyspace, key: bytes):
    """Read a string as bytes; None for a missing key and for another type."""
    v = db.read(key)
    if v is None or type(v) is bytes:
        return v
    return None if isinstance(v, Container) else as_string(v)


def set_key_flags(args: list[bytes]) -> tuple[str, ...]:
    """SET overwrites its key unless it also reads it."""
    if b"GET" in [arg.upper() for arg in args[3:]]:
        return ("RW", "access", "update")
    return ("OW", "update")


@command(
    "SET",
    "string",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "RW access update variable_flags", notes="RW and ACCESS due to the optional `GET` argument")],
    since="1.0.0",
    complexity="O(1)",
    args=(
        "key#0 value condition(NX@2.6.12 | XX@2.6.12 | IFEQ=comparison-value@8.1.0<Sets the key's value only if "
        "the current value matches the specified comparison value.>)? GET@6.2.0? "
        "expiration(EX=seconds:integer@2.6.12 | PX=milliseconds:integer@2.6.12 | "
        "EXAT=unix-time-seconds:unix-time@6.2.0 | PXAT=unix-time-milliseconds:unix-time@6.2.0 | KEEPTTL@6.0.0)?"
    ),
    history=[
        ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
        ("6.0.0", "Added the `KEEPTTL` option."),
        ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
        ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ("8.1.0", "Added the `IFEQ` option."),
    ],
    key_flags=set_key_flags,
    effect=effects.set_,
)
def set_(ctx: Client, key: bytes, value: bytes, *options: bytes) -> Any:
    """Sets the string value of a key, ignoring its type. The key is created if it doesn't exist."""
    db: Keyspace = ctx.db
    if not options:
        db.put(key, value, SET)
        return OK
    if len(options) == 2:
        deadline_ms: cython.longlong = parse_expiration(options[0], options[1], db.clock.now_ms, b"set")
        if deadline_ms > db.clock.now_ms:
            db.put_until(key, value, deadline_ms, SET)
            return OK
    return set_with_options(db, key, value, options)


@cython.cfunc
def set_with_options(db: Keyspace, key: bytes, value: bytes, words: tuple):
    """SET with all that it can be asked for."""
    options = StringOptions(words, SET_OPTIONS)
    deadline_ms: cython.longlong = options.deadline_ms(db.clock.now_ms, b"set")
    old = db.read_string(key) if options.gets else None
    if options.condition is not None and not may_set(db, key, options):
        return old
    if 0 < deadline_ms <= db.clock.now_ms:
        db.expire_at_once(key)
    else:
        store(db, key, value, options, deadline_ms)
    return old if options.gets else OK


def may_set(db: Keyspace, key: bytes, options: StringOptions) -> Any:
    """Tell whether the key meets NX, XX or IFEQ."""
    if options.condition == b"IFEQ":
        return db.find_string(key) == options.expected
    return (db.find(key) is None) == (options.condition == b"NX")


@cython.cfunc
def store(db: Keyspace, key: bytes, value: bytes, options: StringOptions, deadline_ms: cython.longlong):
    """Store a value as the options say; `deadline_ms` is their deadline, 0 for none."""
    if deadline_ms == 0:
        if options.deadline is None:
            db.put(key, value, SET)
        else:
            db.replace(key, value, SET)
    else:
        db.put_until(key, value, deadline_ms, SET)


@command(
    "SETEX",
    "string",
    arity=4,
    flags="write denyoom",
    keys=[at(1, "OW update")],
    since="2.0.0",
    complexity="O(1)",
    args="key#0 seconds:integer value",
    effect=effects.setex,
)
def setex(ctx: Client, key: bytes, seconds: bytes, value: bytes) -> Any:
    """Sets the string value and expiration time of a key. Creates the key if it doesn't exist."""
    return set_until(ctx.db, key, seconds, value, True, b"setex")


@command(
    "PSETEX",
    "string",
    arity=4,
    flags="write denyoom",
    keys=[at(1, "OW update")],
    since="2.6.0",
    complexity="O(1)",
    args="key#0 milliseconds:integer value",
    effect=effects.psetex,
)
def psetex(ctx: Client, key: bytes, milliseconds: bytes, value: bytes) -> Any:
    """Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist."""
    return set_until(ctx.db, key, milliseconds, value, False, b"psetex")


@cython.cfunc
def set_until(db: Keyspace, key: bytes, amount: bytes, value: bytes, is_seconds: cython.bint, name: bytes):
    """Store a value that expires after `amount` seconds or milliseconds."""
    db.put_until(key, value, deadline_of(integer(amount), is_seconds, True, db.clock.now_ms, name), SET)
    return OK


@command(
    "SETNX",
    "string",
    arity=3,
    flags="write denyoom fast",
    keys=[at(1, "OW insert")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 value",
)
def setnx(ctx: Client, key: bytes, value: bytes) -> Any:
    """Sets the string value of a key only when the key doesn't exist."""
    db: Keyspace = ctx.db
    if db.find(key) is not None:
        return 0
    db.put(key, value, SET)
    return 1


@command(
    "GETSET",
    "string",
    arity=3,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 value",
    effect=effects.getset,
)
def getset(ctx: Client, key: bytes, value: bytes) -> Any:
    """Returns the previous string value of a key after setting it to a new value."""
    db: Keyspace = ctx.db
    old = db.read_string(key)
    db.put(key, value, SET)
    return old


@command(
    "GETDEL",
    "string",
    arity=2,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="6.2.0",
    complexity="O(1)",
    args="key#0",
    effect=effects.delete,
)
def getdel(ctx: Client, key: bytes) -> Any:
    """Returns the string value of a key after deleting the key."""
    db: Keyspace = ctx.db
    old = db.read_string(key)
    if old is not None:
        db.delete(key)
    return old


@command(
    "GETEX",
    "string",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RW access update", notes="RW and UPDATE because it changes the TTL")],
    since="6.2.0",
    complexity="O(1)",
    args=(
        "key#0 expiration(EX=seconds:integer | PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | "
        "PXAT=unix-time-milliseconds:unix-time | PERSIST)?"
    ),
    effect=effects.getex,
)
def getex(ctx: Client, key: bytes, *words: bytes) -> Any:
    """Returns the string value of a key after setting its expiration time."""
    db: Keyspace = ctx.db
    options = StringOptions(words, GETEX_OPTIONS)
    deadline_ms: cython.longlong = options.deadline_ms(db.clock.now_ms, b"getex")
    value = db.read_string(key)
    if value is not None and options.deadline is not None:
        if deadline_ms == 0:
            db.persist(key)
        elif deadline_ms > db.clock.now_ms:
            db.set_deadline(key, deadline_ms)
        else:
            db.expire_at_once(key)
    return value


@command(
    "DELIFEQ",
    "string",
    arity=3,
    flags="write fast",
    keys=[at(1, "RM delete")],
    since="9.0.0",
    complexity="O(1)",
    args="key#0 value",
    effect=effects.delete,
)
def delifeq(ctx: Client, key: bytes, value: bytes) -> Any:
    """Delete key if value matches string."""
    db: Keyspace = ctx.db
    return int(db.find_string(key) == value and db.delete(key))


@command(
    "MSET",
    "string",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "OW update", last=-1, step=2)],
    since="1.0.1",
    complexity="O(N) where N is the number of keys to set.",
    tips="request_policy:multi_shard response_policy:all_succeeded",
    args="data{key#0 value}*",
)
def mset(ctx: Client, key: bytes, value: bytes, *pairs: bytes) -> Any:
    """Atomically creates or modifies the string values of one or more keys."""
    db: Keyspace = ctx.db
    i: cython.Py_ssize_t
    if len(pairs) % 2:
        raise CommandError(errors.wrong_arity(b"mset"))
    db.put(key, value, SET)
    for i in range(0, len(pairs), 2):
        db.put(pairs[i], pairs[i + 1], SET)
    return OK


@command(
    "MSETNX",
    "string",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "OW insert", last=-1, step=2)],
    since="1.0.1",
    complexity="O(N) where N is the number of keys to set.",
    args="data{key#0 value}*",
)
def msetnx(ctx: Client, key: bytes, value: bytes, *pairs: bytes) -> Any:
    """Atomically modifies the string values of one or more keys only when all keys don't exist."""
    db: Keyspace = ctx.db
    i: cython.Py_ssize_t
    if len(pairs) % 2:
        raise CommandError(errors.wrong_arity(b"msetnx"))
    words: tuple = (key, value, *pairs)
    for i in range(0, len(words), 2):
        if db.find(words[i]) is not None:
            return 0
    for i in range(0, len(words), 2):
        db.put(words[i], words[i + 1], SET)
    return 1


@command(
    "MSETEX",
    "string",
    arity=-4,
    flags="write denyoom",
    keys=[counted_at(1, "OW update", step=2)],
    since="9.1.0",
    complexity="O(N) where N is the number of keys to set.",
    tips="request_policy:multi_shard response_policy:all_succeeded",
    args=(
        "numkeys:integer data{key#0 value}* condition(NX | XX)? expiration(EX=seconds:integer | "
        "PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | PXAT=unix-time-milliseconds:unix-time | "
        "KEEPTTL)?"
    ),
    effect=effects.msetex,
)
def msetex(ctx: Client, numkeys: bytes, key: bytes, value: bytes, *rest: bytes) -> Any:
    """Atomically creates or modifies the string values of one or more keys, and optionally set their expiration."""
    db: Keyspace = ctx.db
    words: tuple = (key, value, *rest)
    i: cython.Py_ssize_t
    end: cython.Py_ssize_t = 2 * key_count(numkeys)
    if end > len(words):
        raise CommandError(errors.SYNTAX)
    options = StringOptions(words[end:], MSETEX_OPTIONS)
    deadline_ms: cython.longlong = options.deadline_ms(db.clock.now_ms, b"msetex")
    if deadline_ms != 0:  # one that is long over when it is given makes nobody late who removes the keys
        deadline_ms = max(deadline_ms, db.clock.now_ms)
    if options.condition is not None:
        for i in range(0, end, 2):
            if not may_set(db, words[i], options):
                return 0
    for i in range(0, end, 2):
        store(db, words[i], words[i + 1], options, deadline_ms)
    return 1


def key_count(count: bytes) -> Any:
    """A number of keys.

    Raises:
        CommandError: it is none.
    """
    number = at_least(count, 1, errors.KEY_COUNT)
    if number > INT32_MAX:
        raise CommandError(errors.KEY_COUNT)
    return number


# ---------------------------------------------------------------------- counters


@cython.cfunc
def increment(ctx: Client, key: bytes, by: cython.longlong, event: bytes):
    """Add to a counter; return what it is then."""
    db: Keyspace = ctx.db
    total = db.add_to_integer(key, by, event)
    if total is not None:
        return total
    value = db.find(key)
    total = added(0 if value is None else integer(as_string(value)), by)
    db.replace(key, total, event)
    return total


@command(
    "INCR",
    "string",
    arity=2,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0",
)
def incr(ctx: Client, key: bytes) -> Any:
    """Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."""
    return increment(ctx, key, 1, INCRBY)


@command(
    "DECR",
    "string",
    arity=2,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0",
)
def decr(ctx: Client, key: bytes) -> Any:
    """Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."""
    return increment(ctx, key, -1, INCRBY)


@command(
    "INCRBY",
    "string",
    arity=3,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 increment:integer",
)
def incrby(ctx: Client, key: bytes, by: bytes) -> Any:
    """Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."""
    return increment(ctx, key, integer(by), INCRBY)


@command(
    "DECRBY",
    "string",
    arity=3,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 decrement:integer",
)
def decrby(ctx: Client, key: bytes, by: bytes) -> Any:
    """Decrements the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."""
    number: cython.longlong = integer(by)
    if number == INT64_MIN:  # it has no positive twin
        raise CommandError(errors.DECREMENT_OVERFLOW)
    return increment(ctx, key, -number, INCRBY)


@command(
    "INCRBYFLOAT",
    "string",
    arity=3,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="2.6.0",
    complexity="O(1)",
    args="key#0 increment:double",
    effect=effects.incrbyfloat,
)
def incrbyfloat(ctx: Client, key: bytes, by: bytes) -> Any:
    """Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist."""
    db: Keyspace = ctx.db
    old = db.find_string(key)
    number = ZERO if old is None else parse_long_double(old)
    addend = parse_long_double(by)
    if number is None or addend is None:
        raise CommandError(errors.NOT_FLOAT)
    total = number.plus(addend)
    if not total.is_finite:
        raise CommandError(errors.NAN_OR_INFINITY)
    text = total.text()
    db.replace(key, Text(text), INCRBYFLOAT)
    return text
