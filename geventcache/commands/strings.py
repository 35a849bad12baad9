"""Strings: values of bytes, counters, and the options of SET."""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import command
from geventcache.command.expiration import parse_expiration
from geventcache.command.keyspecs import at
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace

INT64_MAX = 9223372036854775807
INT64_MIN = -9223372036854775808

SET = b"set"
INCRBY = b"incrby"


def read_integer(text: bytes) -> int:
    """A strict 64-bit integer argument or value.

    Raises:
        CommandError: it is none.
    """
    number = parse_integer(text)
    if number is None:
        raise CommandError(errors.NOT_INTEGER)
    return number


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
def get(ctx: Client, key: bytes):
    """Returns the string value of a key."""
    return ctx.db.string(key)


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
def mset(ctx: Client, key: bytes, value: bytes, *pairs: bytes):
    """Atomically creates or modifies the string values of one or more keys."""
    db: Keyspace = ctx.db
    if len(pairs) % 2:
        raise CommandError(errors.wrong_arity(b"mset"))
    db.put(key, value, SET)
    for i in range(0, len(pairs), 2):
        db.put(pairs[i], pairs[i + 1], SET)
    return OK


def increment(ctx: Client, key: bytes, by: cython.longlong, event: bytes):
    """Add to a counter; return what it is then."""
    db: Keyspace = ctx.db
    number: cython.longlong
    value = db.find(key)
    if value is None:
        number = 0
    elif type(value) is int:
        number = value
    else:
        number = read_integer(db.find_string(key))
    if (by > 0 and number > INT64_MAX - by) or (by < 0 and number < INT64_MIN - by):
        raise CommandError(errors.OVERFLOW)
    number += by
    db.replace(key, number, event)
    return number


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
def incr(ctx: Client, key: bytes):
    """Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."""
    return increment(ctx, key, 1, INCRBY)


def set_key_flags(args: list[bytes]) -> tuple[str, ...]:
    """SET overwrites its key unless it also reads it."""
    if any(arg.upper() in (b"GET", b"IFEQ") for arg in args[3:]):
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
    args="key#0 value condition(NX@2.6.12 | XX@2.6.12 | IFEQ=comparison-value@8.1.0<Sets the key's value only if the current value matches the specified comparison value.>)? GET@6.2.0? expiration(EX=seconds:integer@2.6.12 | PX=milliseconds:integer@2.6.12 | EXAT=unix-time-seconds:unix-time@6.2.0 | PXAT=unix-time-milliseconds:unix-time@6.2.0 | KEEPTTL@6.0.0)?",
    history=[
        ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
        ("6.0.0", "Added the `KEEPTTL` option."),
        ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
        ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ("8.1.0", "Added the `IFEQ` option."),
    ],
    key_flags=set_key_flags,
)
def set_(ctx: Client, key: bytes, value: bytes, *options: bytes):
    """Sets the string value of a key, ignoring its type. The key is created if it doesn't exist."""
    db: Keyspace = ctx.db
    if not options:
        db.put(key, value, SET)
        return OK
    if len(options) == 2:
        deadline_ms = parse_expiration(options[0], options[1], db.clock.now_ms, b"set")
        if deadline_ms > 0:
            db.put_until(key, value, deadline_ms, SET)
            return OK
    raise CommandError(errors.SYNTAX)
