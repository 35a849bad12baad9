"""Deadlines of keys: set on a condition, asked for, taken away."""

from typing import Any

import cython

from geventcache.base.times import NEVER_MS
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.expiration import any_deadline_of, is_met, parse_condition, rounded_seconds
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace

NO_KEY = cython.declare(cython.int, -2)
NO_DEADLINE = cython.declare(cython.int, -1)


@cython.cfunc
def expire_at(
    db: Keyspace,
    key: bytes,
    amount: bytes,
    words: tuple,
    is_seconds: cython.bint,
    base_ms: cython.longlong,
    name: bytes,
):
    """Give a key a deadline if the conditions among `words` are met; return 1 if so.

    Args:
        base_ms: what `amount` is counted from.
        name: the command.
    """
    condition: cython.int = parse_condition(words)
    deadline_ms: cython.longlong = any_deadline_of(integer(amount), is_seconds, base_ms, name)
    current_ms: cython.longlong = db.deadline(key)
    if current_ms == 0 or (condition and not is_met(condition, current_ms, deadline_ms)):
        return 0
    if deadline_ms > db.clock.now_ms:
        db.set_deadline(key, deadline_ms)
    else:
        db.expire_at_once(key)
    return 1


@command(
    "EXPIRE",
    "generic",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 seconds:integer condition(NX | XX | GT | LT)@7.0.0?",
    history=[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    effect=effects.expire,
)
def expire(ctx: Client, key: bytes, seconds: bytes, *words: bytes) -> Any:
    """Sets the expiration time of a key in seconds."""
    return expire_at(ctx.db, key, seconds, words, True, ctx.db.clock.now_ms, b"expire")


@command(
    "PEXPIRE",
    "generic",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="2.6.0",
    complexity="O(1)",
    args="key#0 milliseconds:integer condition(NX | XX | GT | LT)@7.0.0?",
    history=[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    effect=effects.pexpire,
)
def pexpire(ctx: Client, key: bytes, milliseconds: bytes, *words: bytes) -> Any:
    """Sets the expiration time of a key in milliseconds."""
    return expire_at(ctx.db, key, milliseconds, words, False, ctx.db.clock.now_ms, b"pexpire")


@command(
    "EXPIREAT",
    "generic",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="1.2.0",
    complexity="O(1)",
    args="key#0 unix-time-seconds:unix-time condition(NX | XX | GT | LT)@7.0.0?",
    history=[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    effect=effects.expireat,
)
def expireat(ctx: Client, key: bytes, seconds: bytes, *words: bytes) -> Any:
    """Sets the expiration time of a key to a Unix timestamp."""
    return expire_at(ctx.db, key, seconds, words, True, 0, b"expireat")


@command(
    "PEXPIREAT",
    "generic",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="2.6.0",
    complexity="O(1)",
    args="key#0 unix-time-milliseconds:unix-time condition(NX | XX | GT | LT)@7.0.0?",
    history=[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    effect=effects.pexpireat,
)
def pexpireat(ctx: Client, key: bytes, milliseconds: bytes, *words: bytes) -> Any:
    """Sets the expiration time of a key to a Unix milliseconds timestamp."""
    return expire_at(ctx.db, key, milliseconds, words, False, 0, b"pexpireat")


@cython.cfunc
@cython.exceptval(-3, check=True)
def read_deadline(db: Keyspace, key: bytes) -> cython.longlong:
    """The deadline of a key in milliseconds since the epoch, NO_KEY or NO_DEADLINE; counted as a read."""
    if db.read_untouched(key) is None:
        return NO_KEY
    deadline_ms: cython.longlong = db.deadline(key)
    return NO_DEADLINE if deadline_ms == NEVER_MS else deadline_ms


@command(
    "EXPIRETIME",
    "generic",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="7.0.0",
    complexity="O(1)",
    args="key#0",
)
def expiretime(ctx: Client, key: bytes) -> Any:
    """Returns the expiration time of a key as a Unix timestamp."""
    deadline_ms: cython.longlong = read_deadline(ctx.db, key)
    return deadline_ms if deadline_ms < 0 else rounded_seconds(deadline_ms)


@command(
    "PEXPIRETIME",
    "generic",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="7.0.0",
    complexity="O(1)",
    args="key#0",
)
def pexpiretime(ctx: Client, key: bytes) -> Any:
    """Returns the expiration time of a key as a Unix milliseconds timestamp."""
    return read_deadline(ctx.db, key)


@command(
    "TTL",
    "generic",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0",
    history=[("2.8.0", "Added the -2 reply.")],
)
def ttl(ctx: Client, key: bytes) -> Any:
    """Returns the expiration time in seconds of a key."""
    deadline_ms: cython.longlong = read_deadline(ctx.db, key)
    return deadline_ms if deadline_ms < 0 else rounded_seconds(deadline_ms - ctx.db.clock.now_ms)


@command(
    "PTTL",
    "generic",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.6.0",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0",
    history=[("2.8.0", "Added the -2 reply.")],
)
def pttl(ctx: Client, key: bytes) -> Any:
    """Returns the expiration time in milliseconds of a key."""
    deadline_ms: cython.longlong = read_deadline(ctx.db, key)
    return deadline_ms if deadline_ms < 0 else deadline_ms - ctx.db.clock.now_ms


@command(
    "PERSIST",
    "generic",
    arity=2,
    flags="write fast",
    keys=[at(1, "RW update")],
    since="2.2.0",
    complexity="O(1)",
    args="key#0",
)
def persist(ctx: Client, key: bytes) -> Any:
    """Removes the expiration time of a key."""
    return int(ctx.db.persist(key))
