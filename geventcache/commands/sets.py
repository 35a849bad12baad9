"""Sets: members added, removed, looked up, moved, drawn at random and scanned."""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.integers import at_least
from geventcache.command.keyspecs import at
from geventcache.command.random_counts import random_count
from geventcache.command.scanning import ScanOptions, parse_cursor
from geventcache.resp.values import Distinct
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.sets import Set

SADD_EVENT = event(b"sadd", "s")
SREM_EVENT = event(b"srem", "s")
SPOP_EVENT = event(b"spop", "s")


@command(
    "SADD",
    "set",
    arity=-3,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="1.0.0",
    complexity=(
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
    ),
    args="key#0 member*",
    history=[("2.4.0", "Accepts multiple `member` arguments.")],
)
def sadd(ctx: Client, key: bytes, member: bytes, *members: bytes):
    """Adds one or more members to a set. Creates the key if it doesn't exist."""
    target: Set = ctx.db.edit_or_create(key, Set, SADD_EVENT)
    if members:
        return target.add_many((member, *members))
    return 1 if target.add(member) else 0


@command(
    "SREM",
    "set",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW delete")],
    since="1.0.0",
    complexity="O(N) where N is the number of members to be removed.",
    args="key#0 member*",
    history=[("2.4.0", "Accepts multiple `member` arguments.")],
)
def srem(ctx: Client, key: bytes, member: bytes, *members: bytes):
    """Removes one or more members from a set. Deletes the set if the last member was removed."""
    target: Set = ctx.db.edit(key, Set, SREM_EVENT)
    if target is None:
        return 0
    removed: cython.Py_ssize_t = 1 if target.drop(member) else 0
    for other in members:
        if target.drop(other):
            removed += 1
    return removed


@command(
    "SMOVE",
    "set",
    arity=4,
    flags="write fast",
    keys=[at(1, "RW access delete"), at(2, "RW insert")],
    since="1.0.0",
    complexity="O(1)",
    args="source#0 destination#1 member",
)
def smove(ctx: Client, source: bytes, destination: bytes, member: bytes):
    """Moves a member from one set to another."""
    db: Keyspace = ctx.db
    origin: Set = db.edit(source, Set, SREM_EVENT)
    if origin is None:
        return 0
    db.find_container(destination, Set)
    if source == destination:
        return 1 if origin.has(member) else 0
    if not origin.has(member):
        return 0
    target: Set = db.edit_or_create(destination, Set, SADD_EVENT)
    target.add(member)
    db.secure(destination)
    origin.drop(member)
    return 1


@command(
    "SCARD",
    "set",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0",
)
def scard(ctx: Client, key: bytes):
    """Returns the number of members in a set."""
    target: Set = ctx.db.read_container(key, Set)
    return 0 if target is None else len(target)


@command(
    "SISMEMBER",
    "set",
    arity=3,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0 member",
)
def sismember(ctx: Client, key: bytes, member: bytes):
    """Determines whether a member belongs to a set."""
    target: Set = ctx.db.read_container(key, Set)
    return 1 if target is not None and target.has(member) else 0


@command(
    "SMISMEMBER",
    "set",
    arity=-3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="6.2.0",
    complexity="O(N) where N is the number of elements being checked for membership",
    args="key#0 member*",
)
def smismember(ctx: Client, key: bytes, member: bytes, *members: bytes):
    """Determines whether multiple members belong to a set."""
    target: Set = ctx.db.read_container(key, Set)
    return [1 if target is not None and target.has(name) else 0 for name in (member, *members)]


@command(
    "SMEMBERS",
    "set",
    arity=2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity="O(N) where N is the set cardinality.",
    tips="nondeterministic_output_order",
    args="key#0",
)
def smembers(ctx: Client, key: bytes):
    """Returns all members of a set."""
    target: Set = ctx.db.read_container(key, Set)
    return Distinct() if target is None else target.shown()


@command(
    "SPOP",
    "set",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="1.0.0",
    complexity="Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
    tips="nondeterministic_output",
    args="key#0 count:integer@3.2.0?",
    history=[("3.2.0", "Added the `count` argument.")],
    effect=effects.spop,
    traits="draws",
)
def spop(ctx: Client, key: bytes, *count: bytes):
    """Returns one or more random members from a set after removing them. Deletes the set if the last member was
    popped.
    """
    if count:
        return pop_counted(ctx, key, count)
    target: Set = ctx.db.edit(key, Set, SPOP_EVENT)
    return None if target is None else target.pop_random()


@cython.cfunc
def pop_counted(ctx: Client, key: bytes, count: tuple):
    """Pop up to `count` members of the set at `key`."""
    if len(count) > 1:
        raise CommandError(errors.SYNTAX)
    most: cython.Py_ssize_t = at_least(count[0], 0, errors.NOT_POSITIVE)
    target: Set = ctx.db.edit(key, Set, SPOP_EVENT)
    return Distinct() if target is None else Distinct(target.pop_many(most))


@command(
    "SRANDMEMBER",
    "set",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity="Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
    tips="nondeterministic_output",
    args="key#0 count:integer@2.6.0?",
    history=[("2.6.0", "Added the optional `count` argument.")],
    traits="draws",
)
def srandmember(ctx: Client, key: bytes, *count: bytes):
    """Gets one or multiple random members from a set."""
    if count:
        return draw(ctx, key, count)
    target: Set = ctx.db.read_container(key, Set)
    return None if target is None else target.random_name()


@cython.cfunc
def draw(ctx: Client, key: bytes, count: tuple):
    """Up to `count` different members of the set at `key`; if `count` is negative, as many that may repeat."""
    if len(count) > 1:
        raise CommandError(errors.SYNTAX)
    number: cython.Py_ssize_t = random_count(count[0])
    target: Set = ctx.db.read_container(key, Set)
    if target is None:
        return ()
    return target.random_names(number) if number >= 0 else [target.random_name() for _ in range(-number)]


@command(
    "SSCAN",
    "set",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.8.0",
    complexity=(
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return "
        "back to 0. N is the number of elements inside the collection."
    ),
    tips="nondeterministic_output",
    args="key#0 cursor:integer MATCH=pattern:pattern? COUNT=count:integer?",
)
def sscan(ctx: Client, key: bytes, cursor: bytes, *options: bytes):
    """Iterates over members of a set."""
    position = parse_cursor(cursor)
    target: Set = ctx.db.read_container(key, Set)
    return (b"0", ()) if target is None else ScanOptions(options, b"SSCAN").page(target, position)
