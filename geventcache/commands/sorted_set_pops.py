"""Members popped from the low or the high end of sorted sets: at once, or as soon as there are some.

A blocking command that finds nothing returns a `Wait`, and is run again as a whole when one of its keys has become a
sorted set.
"""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.integers import at_least
from geventcache.command.keyspecs import at, counted_at
from geventcache.command.pop_arguments import pop_arguments
from geventcache.command.timeouts import parse_timeout
from geventcache.resp.values import NULL_ARRAY, Pairs
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait
from geventcache.types.sorted_sets import SortedSet

ZPOPMIN_EVENT = event(b"zpopmin", "z")
ZPOPMAX_EVENT = event(b"zpopmax", "z")


@cython.cfunc
def pop(ctx: Client, key: bytes, count: tuple, last: cython.bint):
    """Pop the member at one end of a sorted set with its score, or up to `count` members as pairs."""
    if count:
        return pop_counted(ctx, key, count, last)
    target: SortedSet = ctx.db.edit(key, SortedSet, ZPOPMAX_EVENT if last else ZPOPMIN_EVENT)
    return () if target is None else target.pop_end(last)


@cython.cfunc
def pop_counted(ctx: Client, key: bytes, count: tuple, last: cython.bint):
    """Pop up to `count` members, as pairs."""
    if len(count) > 1:
        raise CommandError(errors.SYNTAX)
    most: cython.Py_ssize_t = at_least(count[0], 0, errors.NOT_POSITIVE)
    target: SortedSet = ctx.db.edit(key, SortedSet, ZPOPMAX_EVENT if last else ZPOPMIN_EVENT)
    return () if target is None else Pairs(target.pop(most, last))


@command(
    "ZPOPMIN",
    "sorted-set",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="5.0.0",
    complexity=(
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped."
    ),
    args="key#0 count:integer?",
)
def zpopmin(ctx: Client, key: bytes, *count: bytes):
    """Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last
    member was popped.
    """
    return pop(ctx, key, count, False)


@command(
    "ZPOPMAX",
    "sorted-set",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="5.0.0",
    complexity=(
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped."
    ),
    args="key#0 count:integer?",
)
def zpopmax(ctx: Client, key: bytes, *count: bytes):
    """Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last
    member was popped.
    """
    return pop(ctx, key, count, True)


def pop_or_wait(ctx: Client, args: tuple[bytes, ...], last: bool):
    """Pop a member of the first sorted set there is, as soon as there is one; `args` are the keys and the timeout."""
    *keys, timeout = args
    timeout_ms = parse_timeout(timeout, ctx.db.clock.now_ms)
    found = ctx.db.edit_first(keys, SortedSet, ZPOPMAX_EVENT if last else ZPOPMIN_EVENT)
    if found is None:
        return Wait(keys, timeout_ms, SortedSet)
    key, target = found
    return [key, *target.pop_end(last)]


@command(
    "BZPOPMIN",
    "sorted-set",
    arity=-3,
    flags="write blocking fast",
    keys=[at(1, "RW access delete", last=-2)],
    since="5.0.0",
    complexity="O(log(N)) with N being the number of elements in the sorted set.",
    args="key#0* timeout:double",
    history=[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    effect=effects.bzpopmin,
)
def bzpopmin(ctx: Client, key: bytes, argument: bytes, *arguments: bytes):
    """Removes and returns the member with the lowest score from one or more sorted sets. Blocks until a member is
    available otherwise. Deletes the sorted set if the last element was popped.
    """
    return pop_or_wait(ctx, (key, argument, *arguments), False)


@command(
    "BZPOPMAX",
    "sorted-set",
    arity=-3,
    flags="write blocking fast",
    keys=[at(1, "RW access delete", last=-2)],
    since="5.0.0",
    complexity="O(log(N)) with N being the number of elements in the sorted set.",
    args="key#0* timeout:double",
    history=[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    effect=effects.bzpopmax,
)
def bzpopmax(ctx: Client, key: bytes, argument: bytes, *arguments: bytes):
    """Removes and returns the member with the highest score from one or more sorted sets. Blocks until a member is
    available otherwise. Deletes the sorted set if the last element was popped.
    """
    return pop_or_wait(ctx, (key, argument, *arguments), True)


def pop_multiple(ctx: Client, keys: tuple[bytes, ...], last: bool, count: int):
    """Pop up to `count` members of the first sorted set there is, as [key, pairs]; None if there is none."""
    found = ctx.db.edit_first(keys, SortedSet, ZPOPMAX_EVENT if last else ZPOPMIN_EVENT)
    if found is None:
        return None
    key, target = found
    return [key, target.pop(count, last)]


@command(
    "ZMPOP",
    "sorted-set",
    arity=-4,
    flags="write",
    keys=[counted_at(1, "RW access delete")],
    since="7.0.0",
    complexity=(
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, "
        "and M being the number of elements popped."
    ),
    args="numkeys:integer key#0* where(MIN | MAX) COUNT=count:integer?",
    effect=effects.zmpop,
)
def zmpop(ctx: Client, numkeys: bytes, key: bytes, where: bytes, *rest: bytes):
    """Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the
    sorted set if the last member was popped.
    """
    keys, last, count = pop_arguments((numkeys, key, where, *rest), b"MIN", b"MAX")
    popped = pop_multiple(ctx, keys, last, count)
    return NULL_ARRAY if popped is None else popped


@command(
    "BZMPOP",
    "sorted-set",
    arity=-5,
    flags="write blocking",
    keys=[counted_at(2, "RW access delete")],
    since="7.0.0",
    complexity=(
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, "
        "and M being the number of elements popped."
    ),
    args="timeout:double numkeys:integer key#0* where(MIN | MAX) COUNT=count:integer?",
    effect=effects.bzmpop,
)
def bzmpop(ctx: Client, timeout: bytes, numkeys: bytes, key: bytes, where: bytes, *rest: bytes):
    """Removes and returns a member by score from one or more sorted sets. Blocks until a member is available
    otherwise. Deletes the sorted set if the last element was popped.
    """
    keys, last, count = pop_arguments((numkeys, key, where, *rest), b"MIN", b"MAX")
    timeout_ms = parse_timeout(timeout, ctx.db.clock.now_ms)
    popped = pop_multiple(ctx, keys, last, count)
    return Wait(keys, timeout_ms, SortedSet) if popped is None else popped
