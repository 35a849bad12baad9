"""Lists: elements pushed and popped at both ends, read, replaced, inserted and removed by index or value."""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command.declaration import command
from geventcache.command.integers import at_least, integer
from geventcache.command.keyspecs import at
from geventcache.resp.values import NULL_ARRAY, OK
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.lists import List

LSET = event(b"lset", "l")
LINSERT = event(b"linsert", "l")
LREM = event(b"lrem", "l")
LPUSH = event(b"lpush", "l")
RPUSH = event(b"rpush", "l")
LPOP = event(b"lpop", "l")
RPOP = event(b"rpop", "l")
LTRIM = event(b"ltrim", "l")
INT64_MAX = cython.declare(cython.longlong, 9223372036854775807)


@cython.cfunc
def push_to(target: List, value: bytes, values: tuple, left: cython.bint):
    """Push `value`, then `values`, at one end of a list; return its length."""
    if not values:
        return target.push_left(value) if left else target.push_right(value)
    if left:
        target.extend_left((value, *values))
    else:
        target.extend_right((value, *values))
    return len(target)


@cython.cfunc
def push_existing(ctx: Client, key: bytes, value: bytes, values: tuple, left: cython.bint):
    """`push_to` the list at `key`; 0 if there is none."""
    target: List = ctx.db.edit(key, List, LPUSH if left else RPUSH)
    return 0 if target is None else push_to(target, value, values, left)


@command(
    "LPUSH",
    "list",
    arity=-3,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="1.0.0",
    complexity=(
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
    ),
    args="key#0 element*",
    history=[("2.4.0", "Accepts multiple `element` arguments.")],
)
def lpush(ctx: Client, key: bytes, value: bytes, *values: bytes):
    """Prepends one or more elements to a list. Creates the key if it doesn't exist."""
    return push_to(ctx.db.edit_or_create(key, List, LPUSH), value, values, True)


@command(
    "RPUSH",
    "list",
    arity=-3,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="1.0.0",
    complexity=(
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
    ),
    args="key#0 element*",
    history=[("2.4.0", "Accepts multiple `element` arguments.")],
)
def rpush(ctx: Client, key: bytes, value: bytes, *values: bytes):
    """Appends one or more elements to a list. Creates the key if it doesn't exist."""
    return push_to(ctx.db.edit_or_create(key, List, RPUSH), value, values, False)


@command(
    "LPUSHX",
    "list",
    arity=-3,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="2.2.0",
    complexity=(
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
    ),
    args="key#0 element*",
    history=[("4.0.0", "Accepts multiple `element` arguments.")],
)
def lpushx(ctx: Client, key: bytes, value: bytes, *values: bytes):
    """Prepends one or more elements to a list only when the list exists."""
    return push_existing(ctx, key, value, values, True)


@command(
    "RPUSHX",
    "list",
    arity=-3,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="2.2.0",
    complexity=(
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
    ),
    args="key#0 element*",
    history=[("4.0.0", "Accepts multiple `element` arguments.")],
)
def rpushx(ctx: Client, key: bytes, value: bytes, *values: bytes):
    """Appends one or more elements to a list only when the list exists."""
    return push_existing(ctx, key, value, values, False)


@cython.cfunc
def pop(ctx: Client, key: bytes, count: bytes | None, left: cython.bint):
    """Pop one element from one end of the list at `key`, or up to `count` as a list."""
    if count is not None:
        return pop_counted(ctx, key, at_least(count, 0, errors.NOT_POSITIVE), left)
    target: List = ctx.db.edit(key, List, LPOP if left else RPOP)
    if target is None:
        return None
    return target.pop_left() if left else target.pop_right()


@cython.cfunc
def pop_counted(ctx: Client, key: bytes, count: cython.Py_ssize_t, left: cython.bint):
    """Pop up to `count` elements from one end of the list at `key`; a null array if there is no such key."""
    target: List = ctx.db.edit(key, List, LPOP if left else RPOP)
    return NULL_ARRAY if target is None else target.pop_many(left, count)


@command(
    "LPOP",
    "list",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="1.0.0",
    complexity="O(N) where N is the number of elements returned",
    args="key#0 count:integer@6.2.0?",
    history=[("6.2.0", "Added the `count` argument.")],
)
def lpop(ctx: Client, key: bytes, count: bytes | None = None):
    """Returns and removes one or more elements from the beginning of a list. Deletes the list if the last element
    was popped.
    """
    return pop(ctx, key, count, True)


@command(
    "RPOP",
    "list",
    arity=-2,
    flags="write fast",
    keys=[at(1, "RW access delete")],
    since="1.0.0",
    complexity="O(N) where N is the number of elements returned",
    args="key#0 count:integer@6.2.0?",
    history=[("6.2.0", "Added the `count` argument.")],
)
def rpop(ctx: Client, key: bytes, count: bytes | None = None):
    """Returns and removes one or more elements from the end of a list. Deletes the list if the last element was
    popped.
    """
    return pop(ctx, key, count, False)


@command(
    "LLEN",
    "list",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="1.0.0",
    complexity="O(1)",
    args="key#0",
)
def llen(ctx: Client, key: bytes):
    """Returns the length of a list."""
    target: List = ctx.db.read_container(key, List)
    return 0 if target is None else len(target)


@command(
    "LRANGE",
    "list",
    arity=4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity=(
        "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) "
        "for large lists; and N is the number of elements in the specified range."
    ),
    args="key#0 start:integer stop:integer",
)
def lrange(ctx: Client, key: bytes, start: bytes, stop: bytes):
    """Returns a range of elements from a list."""
    first: cython.longlong = integer(start)
    last: cython.longlong = integer(stop)
    target: List = ctx.db.read_container(key, List)
    return () if target is None else target.shown(first, last)


@command(
    "LINDEX",
    "list",
    arity=3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity=(
        "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the"
        " first or the last element of the list O(1)."
    ),
    args="key#0 index:integer",
)
def lindex(ctx: Client, key: bytes, index: bytes):
    """Returns an element from a list by its index."""
    target: List = ctx.db.read_container(key, List)
    return None if target is None else target.get(integer(index))


@command(
    "LSET",
    "list",
    arity=4,
    flags="write denyoom",
    keys=[at(1, "RW update")],
    since="1.0.0",
    complexity=(
        "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1)."
    ),
    args="key#0 index:integer element",
)
def lset(ctx: Client, key: bytes, index: bytes, element: bytes):
    """Sets the value of an element in a list by its index."""
    target: List = ctx.db.edit(key, List, LSET)
    if target is None:
        raise CommandError(errors.NO_SUCH_KEY)
    if not target.set(integer(index), element):
        raise CommandError(errors.OUT_OF_RANGE)
    return OK


@command(
    "LINSERT",
    "list",
    arity=5,
    flags="write denyoom",
    keys=[at(1, "RW insert")],
    since="2.2.0",
    complexity=(
        "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting "
        "somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end"
        " (tail) is O(N)."
    ),
    args="key#0 where(BEFORE | AFTER) pivot element",
)
def linsert(ctx: Client, key: bytes, where: bytes, pivot: bytes, element: bytes):
    """Inserts an element before or after another element in a list."""
    side = where.upper()
    if side not in (b"BEFORE", b"AFTER"):
        raise CommandError(errors.SYNTAX)
    target: List = ctx.db.edit(key, List, LINSERT)
    return 0 if target is None else target.insert(pivot, element, side == b"BEFORE")


@cython.cfunc
def invertible(text: bytes) -> cython.longlong:
    """The integer that an argument is.

    Raises:
        CommandError: it is none, or the one that has no opposite.
    """
    number: cython.longlong = integer(text)
    if number < -INT64_MAX:
        raise CommandError(errors.NO_OPPOSITE)
    return number


@command(
    "LREM",
    "list",
    arity=4,
    flags="write",
    keys=[at(1, "RW delete")],
    since="1.0.0",
    complexity="O(N+M) where N is the length of the list and M is the number of elements removed.",
    args="key#0 count:integer element",
)
def lrem(ctx: Client, key: bytes, count: bytes, element: bytes):
    """Removes elements from a list. Deletes the list if the last element was removed."""
    most: cython.longlong = invertible(count)
    target: List = ctx.db.edit(key, List, LREM)
    return 0 if target is None else target.remove(most, element)


@command(
    "LTRIM",
    "list",
    arity=4,
    flags="write",
    keys=[at(1, "RW delete")],
    since="1.0.0",
    complexity="O(N) where N is the number of elements to be removed by the operation.",
    args="key#0 start:integer stop:integer",
)
def ltrim(ctx: Client, key: bytes, start: bytes, stop: bytes):
    """Removes elements from both ends of a list. Deletes the list if all elements were trimmed."""
    db: Keyspace = ctx.db
    first: cython.longlong = integer(start)
    last: cython.longlong = integer(stop)
    target: List = db.edit(key, List, LTRIM)
    if target is not None:
        before = target.revision
        target.trim(first, last)
        if target.revision == before:
            db.notify(key, LTRIM)  # published even if all elements stay
    return OK


def position_options(options: tuple[bytes, ...]):
    """The RANK, COUNT (None if not given) and MAXLEN of LPOS.

    Raises:
        CommandError: an option is unknown, incomplete or out of range.
    """
    rank, count, maxlen = 1, None, 0
    for i in range(0, len(options), 2):
        option = options[i].upper()
        if i + 1 == len(options) or option not in (b"RANK", b"COUNT", b"MAXLEN"):
            raise CommandError(errors.SYNTAX)
        if option == b"RANK":
            rank = invertible(options[i + 1])
            if rank == 0:
                raise CommandError(errors.RANK_ZERO)
        elif option == b"COUNT":
            count = at_least(options[i + 1], 0, errors.COUNT_NEGATIVE)
        else:
            maxlen = at_least(options[i + 1], 0, errors.MAXLEN_NEGATIVE)
    return rank, count, maxlen


@command(
    "LPOS",
    "list",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="6.0.6",
    complexity=(
        "O(N) where N is the number of elements in the list, for the average case. When searching for elements near "
        "the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant "
        "time."
    ),
    args="key#0 element RANK=rank:integer? COUNT=num-matches:integer? MAXLEN=len:integer?",
)
def lpos(ctx: Client, key: bytes, element: bytes, *options: bytes):
    """Returns the index of matching elements in a list."""
    rank, count, maxlen = position_options(options)
    target: List = ctx.db.read_container(key, List)
    if target is None:
        return None if count is None else ()
    found = target.find(element, rank, 1 if count is None else count, maxlen)
    if count is not None:
        return found
    return found[0] if found else None
