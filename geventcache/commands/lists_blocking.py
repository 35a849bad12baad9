"""Elements taken from the first list that has some, or moved to another list: at once, or as soon as there are some.

A blocking command does what its twin does that does not block. Where that finds nothing the command returns a `Wait`,
and is run again as a whole when one of its keys has become a list.
"""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at, counted_at
from geventcache.command.pop_arguments import pop_arguments
from geventcache.command.timeouts import parse_timeout
from geventcache.resp.values import NULL_ARRAY
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait
from geventcache.store.keyspace import Keyspace
from geventcache.types.lists import List

LPUSH = event(b"lpush", "l")
RPUSH = event(b"rpush", "l")
LPOP = event(b"lpop", "l")
RPOP = event(b"rpop", "l")


def is_left(where: bytes) -> bool:
    """Whether a word names the left end, and not the right one.

    Raises:
        CommandError: it names none.
    """
    word = where.upper()
    if word not in (b"LEFT", b"RIGHT"):
        raise CommandError(errors.SYNTAX)
    return word == b"LEFT"


@cython.cfunc
def move(ctx: Client, source: bytes, destination: bytes, from_left: cython.bint, to_left: cython.bint):
    """Move an element from one list to another, or within one; return it, None if there is no source."""
    db: Keyspace = ctx.db
    if db.find_container(source, List) is None:
        return None
    # The destination is opened first, since its event comes first.
    target: List = db.edit_or_create(destination, List, LPUSH if to_left else RPUSH)
    origin: List = db.edit(source, List, LPOP if from_left else RPOP, False)
    if target is origin:
        return origin.turn(from_left, to_left)
    value = origin.get_ready(from_left)
    if value is not None:
        target.receive(value, to_left)
        db.secure(destination)
        origin.give_away(from_left)
    return value


def move_or_wait(ctx: Client, source: bytes, destination: bytes, from_left: bool, to_left: bool, timeout: bytes):
    """`move` as soon as there is a source."""
    timeout_ms = parse_timeout(timeout, ctx.db.clock.now_ms)
    value = move(ctx, source, destination, from_left, to_left)
    return Wait((source,), timeout_ms, List, denied_reply=None) if value is None else value


def pop_or_wait(ctx: Client, args: tuple[bytes, ...], left: bool):
    """Pop an element of the first list there is, as soon as there is one; `args` are the keys and the timeout."""
    *keys, timeout = args
    timeout_ms = parse_timeout(timeout, ctx.db.clock.now_ms)
    found = ctx.db.edit_first(keys, List, LPOP if left else RPOP)
    if found is None:
        return Wait(keys, timeout_ms, List)
    key, target = found
    return [key, target.pop_left() if left else target.pop_right()]


def pop_multiple(ctx: Client, keys: tuple[bytes, ...], left: bool, count: int):
    """Pop up to `count` elements of the first list there is, as [key, elements]; None if there is none."""
    found = ctx.db.edit_first(keys, List, LPOP if left else RPOP)
    if found is None:
        return None
    key, target = found
    return [key, target.pop_many(left, count)]


@command(
    "LMOVE",
    "list",
    arity=5,
    flags="write denyoom",
    keys=[at(1, "RW access delete"), at(2, "RW insert")],
    since="6.2.0",
    complexity="O(1)",
    args="source#0 destination#1 wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT)",
)
def lmove(ctx: Client, source: bytes, destination: bytes, wherefrom: bytes, whereto: bytes):
    """Returns an element after popping it from one list and pushing it to another. Deletes the list if the last
    element was moved.
    """
    return move(ctx, source, destination, is_left(wherefrom), is_left(whereto))


@command(
    "BLMOVE",
    "list",
    arity=6,
    flags="write denyoom blocking",
    keys=[at(1, "RW access delete"), at(2, "RW insert")],
    since="6.2.0",
    complexity="O(1)",
    args="source#0 destination#1 wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT) timeout:double",
    effect=effects.blmove,
)
def blmove(ctx: Client, source: bytes, destination: bytes, wherefrom: bytes, whereto: bytes, timeout: bytes):
    """Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available
    otherwise. Deletes the list if the last element was moved.
    """
    return move_or_wait(ctx, source, destination, is_left(wherefrom), is_left(whereto), timeout)


@command(
    "RPOPLPUSH",
    "list",
    arity=3,
    flags="write denyoom",
    keys=[at(1, "RW access delete"), at(2, "RW insert")],
    since="1.2.0",
    complexity="O(1)",
    args="source#0 destination#1",
)
def rpoplpush(ctx: Client, source: bytes, destination: bytes):
    """Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last
    element was popped.
    """
    return move(ctx, source, destination, False, True)


@command(
    "BRPOPLPUSH",
    "list",
    arity=4,
    flags="write denyoom blocking",
    keys=[at(1, "RW access delete"), at(2, "RW insert")],
    since="2.2.0",
    complexity="O(1)",
    args="source#0 destination#1 timeout:double",
    history=[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    effect=effects.brpoplpush,
)
def brpoplpush(ctx: Client, source: bytes, destination: bytes, timeout: bytes):
    """Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available
    otherwise. Deletes the list if the last element was popped.
    """
    return move_or_wait(ctx, source, destination, False, True, timeout)


@command(
    "BLPOP",
    "list",
    arity=-3,
    flags="write blocking",
    keys=[at(1, "RW access delete", last=-2)],
    since="2.0.0",
    complexity="O(N) where N is the number of provided keys.",
    args="key#0* timeout:double",
    history=[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    effect=effects.blpop,
)
def blpop(ctx: Client, key: bytes, argument: bytes, *arguments: bytes):
    """Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the
    list if the last element was popped.
    """
    return pop_or_wait(ctx, (key, argument, *arguments), True)


@command(
    "BRPOP",
    "list",
    arity=-3,
    flags="write blocking",
    keys=[at(1, "RW access delete", last=-2)],
    since="2.0.0",
    complexity="O(N) where N is the number of provided keys.",
    args="key#0* timeout:double",
    history=[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    effect=effects.brpop,
)
def brpop(ctx: Client, key: bytes, argument: bytes, *arguments: bytes):
    """Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the
    list if the last element was popped.
    """
    return pop_or_wait(ctx, (key, argument, *arguments), False)


@command(
    "LMPOP",
    "list",
    arity=-4,
    flags="write",
    keys=[counted_at(1, "RW access delete")],
    since="7.0.0",
    complexity="O(N+M) where N is the number of provided keys and M is the number of elements returned.",
    args="numkeys:integer key#0* where(LEFT | RIGHT) COUNT=count:integer?",
    effect=effects.lmpop,
)
def lmpop(ctx: Client, numkeys: bytes, key: bytes, where: bytes, *rest: bytes):
    """Returns multiple elements from a list after removing them. Deletes the list if the last element was popped."""
    keys, left, count = pop_arguments((numkeys, key, where, *rest), b"RIGHT", b"LEFT")
    popped = pop_multiple(ctx, keys, left, count)
    return NULL_ARRAY if popped is None else popped


@command(
    "BLMPOP",
    "list",
    arity=-5,
    flags="write blocking",
    keys=[counted_at(2, "RW access delete")],
    since="7.0.0",
    complexity="O(N+M) where N is the number of provided keys and M is the number of elements returned.",
    args="timeout:double numkeys:integer key#0* where(LEFT | RIGHT) COUNT=count:integer?",
    effect=effects.blmpop,
)
def blmpop(ctx: Client, timeout: bytes, numkeys: bytes, key: bytes, where: bytes, *rest: bytes):
    """Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the
    list if the last element was popped.
    """
    keys, left, count = pop_arguments((numkeys, key, where, *rest), b"RIGHT", b"LEFT")
    timeout_ms = parse_timeout(timeout, ctx.db.clock.now_ms)
    popped = pop_multiple(ctx, keys, left, count)
    return Wait(keys, timeout_ms, List) if popped is None else popped
