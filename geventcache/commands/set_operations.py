"""Unions, intersections and differences of sets, as replies or stored at a key.

A missing key is an empty set; a key of another type is refused even where the result is known without it.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command.declaration import command
from geventcache.command.integers import at_least
from geventcache.command.keyspecs import at, counted_at
from geventcache.resp.values import Distinct
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.sets import Set

SINTERSTORE = event(b"sinterstore", "s")
SUNIONSTORE = event(b"sunionstore", "s")
SDIFFSTORE = event(b"sdiffstore", "s")


def read_sets(ctx: Client, keys: Sequence[bytes]):
    """The sets at `keys`, None where there is none."""
    db: Keyspace = ctx.db
    return [db.read_container(key, Set) for key in keys]


@cython.cfunc
def store(ctx: Client, key: bytes, result: Set, event: bytes):
    """Put `result` in the place of what is at `key`, which is deleted if there are no members; return how many."""
    db: Keyspace = ctx.db
    if len(result):
        db.put(key, result, event)
    else:
        db.delete(key)
    return len(result)


def filled(ctx: Client, members: Iterable[bytes], keeps_order: bool = False):
    """A new set of `members`."""
    result: Set = Set(ctx.db.limits)
    result.fill(members, keeps_order)
    return result


def by_size(sets: Sequence[Set]):
    """The sets from the smallest to the largest; those of one size as they came."""
    return sorted(sets, key=len)


def common(sets: Sequence[Set]):
    """The members that are in all of the sets, in the order of the smallest."""
    if None in sets:
        return []
    smallest, *others = by_size(sets)
    found = smallest.names()
    for other in others:
        found = [member for member in found if other.has(member)]
    return found


@command(
    "SINTER",
    "set",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
    tips="nondeterministic_output_order",
    args="key#0*",
)
def sinter(ctx: Client, key: bytes, *keys: bytes):
    """Returns the intersect of multiple sets."""
    return Distinct(common(read_sets(ctx, (key, *keys))))


@command(
    "SINTERSTORE",
    "set",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "OW update"), at(2, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
    args="destination#0 key#1*",
)
def sinterstore(ctx: Client, destination: bytes, key: bytes, *keys: bytes):
    """Stores the intersect of multiple sets in a key."""
    sets = read_sets(ctx, (key, *keys))
    return store(ctx, destination, filled(ctx, common(sets), keeps_order=True), SINTERSTORE)


@command(
    "SINTERCARD",
    "set",
    arity=-3,
    flags="readonly",
    keys=[counted_at(1, "RO access")],
    since="7.0.0",
    complexity="O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
    args="numkeys:integer key#0* LIMIT=limit:integer?",
)
def sintercard(ctx: Client, numkeys: bytes, key: bytes, *arguments: bytes):
    """Returns the number of members of the intersect of multiple sets."""
    number = at_least(numkeys, 1, errors.NUMKEYS_NOT_POSITIVE)
    if number > len(arguments) + 1:
        raise CommandError(errors.KEYS_BEYOND_ARGUMENTS)
    limit = parse_limit(arguments[number - 1 :])
    sets = read_sets(ctx, (key, *arguments)[:number])
    return 0 if None in sets else count_common(by_size(sets), limit)


def count_common(containers: list, limit: cython.Py_ssize_t):
    """How many elements of the first container are in all of them, `limit` of them at most if it is not 0."""
    found: cython.Py_ssize_t = 0
    smallest, *others = containers
    for element in smallest:
        for other in others:
            if element not in other:
                break
        else:
            found += 1
            if found == limit:
                break
    return found


def parse_limit(options: tuple[bytes, ...]):
    """The LIMIT of SINTERCARD; 0 for none.

    Raises:
        CommandError: it is negative or no integer, or there is another option.
    """
    limit = 0
    for i in range(0, len(options), 2):
        if options[i].upper() != b"LIMIT" or i + 1 == len(options):
            raise CommandError(errors.SYNTAX)
        limit = at_least(options[i + 1], 0, errors.LIMIT_NEGATIVE)
    return limit


def are_integers(sets: Sequence[Set]):
    """All sets that exist hold integers alone, and are kept in order."""
    return {members.encoding() for members in sets if members is not None} <= {b"intset"}


@command(
    "SUNION",
    "set",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N) where N is the total number of elements in all given sets.",
    tips="nondeterministic_output_order",
    args="key#0*",
)
def sunion(ctx: Client, key: bytes, *keys: bytes):
    """Returns the union of multiple sets."""
    merged: dict = {}
    sets = read_sets(ctx, (key, *keys))
    for members in sets:
        if members is not None:
            merged.update(dict.fromkeys(members.names()))
    return Distinct(sorted(merged, key=int) if are_integers(sets) else merged)


@command(
    "SUNIONSTORE",
    "set",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "OW update"), at(2, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N) where N is the total number of elements in all given sets.",
    args="destination#0 key#1*",
)
def sunionstore(ctx: Client, destination: bytes, key: bytes, *keys: bytes):
    """Stores the union of multiple sets in a key."""
    lists = [members.names() for members in read_sets(ctx, (key, *keys)) if members is not None]
    return store(ctx, destination, filled(ctx, chain.from_iterable(lists)), SUNIONSTORE)


def remaining(sets: Sequence[Set]):
    """The members of the first set that are in none of the others, in its order."""
    found = sets[0].names()
    for other in sets[1:]:
        if other is not None:
            found = [member for member in found if not other.has(member)]
    return found


@command(
    "SDIFF",
    "set",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N) where N is the total number of elements in all given sets.",
    tips="nondeterministic_output_order",
    args="key#0*",
)
def sdiff(ctx: Client, key: bytes, *keys: bytes):
    """Returns the difference of multiple sets."""
    sets = read_sets(ctx, (key, *keys))
    return Distinct() if sets[0] is None else Distinct(remaining(sets))


@command(
    "SDIFFSTORE",
    "set",
    arity=-3,
    flags="write denyoom",
    keys=[at(1, "OW update"), at(2, "RO access", last=-1)],
    since="1.0.0",
    complexity="O(N) where N is the total number of elements in all given sets.",
    args="destination#0 key#1*",
)
def sdiffstore(ctx: Client, destination: bytes, key: bytes, *keys: bytes):
    """Stores the difference of multiple sets in a key."""
    sets = read_sets(ctx, (key, *keys))
    return store(ctx, destination, difference(ctx, sets), SDIFFSTORE)


def difference(ctx: Client, sets: Sequence[Set]):
    """What of the first set is in none of the others, as a set to be stored.

    Where the others are small the reference takes their members out of a copy, and that keeps the copy's encoding.
    """
    if sets[0] is None:
        return Set(ctx.db.limits)
    present = [members for members in sets if members is not None]
    if len(sets[0]) * len(present) // 2 <= sum(map(len, present)) or sets[0] in present[1:]:
        return filled(ctx, remaining(sets))
    result: Set = filled(ctx, sets[0].names())
    for other in present[1:]:
        for member in other.names():
            result.drop(member)
    return result
