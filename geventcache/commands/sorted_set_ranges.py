"""Sorted sets by ranges of rank, score or member: read, counted, stored and removed."""

import cython

from geventcache.base.events import event
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at
from geventcache.command.sorted_ranges import (
    ANY,
    BY_LEX,
    BY_RANK,
    BY_SCORE,
    LexRange,
    RangeQuery,
    RankRange,
    ScoreRange,
    parse_query,
)
from geventcache.resp.values import Pairs
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.sorted_sets import SortedSet

ZRANGESTORE = event(b"zrangestore", "z")
ZREMRANGEBYRANK = event(b"zremrangebyrank", "z")
ZREMRANGEBYSCORE = event(b"zremrangebyscore", "z")
ZREMRANGEBYLEX = event(b"zremrangebylex", "z")


@cython.cfunc
def answer(ctx: Client, key: bytes, query: RangeQuery):
    """What a query finds at `key`."""
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    if target is not None:
        return query.shown(target)
    return Pairs() if query.with_scores else ()


@command(
    "ZRANGE",
    "sorted-set",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.2.0",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned."
    ),
    args=(
        "key#0 start stop sortby(BYSCORE | BYLEX)@6.2.0? REV@6.2.0? LIMIT=limit{offset:integer count:integer}@6.2.0? "
        "WITHSCORES?"
    ),
    history=[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")],
)
def zrange(ctx: Client, key: bytes, start: bytes, stop: bytes, *options: bytes):
    """Returns members in a sorted set within a range of indexes."""
    return answer(ctx, key, parse_query(start, stop, options, ANY))


@command(
    "ZREVRANGE",
    "sorted-set",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.2.0",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned."
    ),
    args="key#0 start:integer stop:integer WITHSCORES?",
)
def zrevrange(ctx: Client, key: bytes, start: bytes, stop: bytes, *options: bytes):
    """Returns members in a sorted set within a range of indexes in reverse order."""
    return answer(ctx, key, parse_query(start, stop, options, BY_RANK, True))


@command(
    "ZRANGEBYSCORE",
    "sorted-set",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.0.5",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being "
        "returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it "
        "O(log(N))."
    ),
    args="key#0 min:double max:double WITHSCORES@2.0.0? LIMIT=limit{offset:integer count:integer}?",
    history=[("2.0.0", "Added the `WITHSCORES` modifier.")],
)
def zrangebyscore(ctx: Client, key: bytes, low: bytes, high: bytes, *options: bytes):
    """Returns members in a sorted set within a range of scores."""
    return answer(ctx, key, parse_query(low, high, options, BY_SCORE))


@command(
    "ZREVRANGEBYSCORE",
    "sorted-set",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.2.0",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being "
        "returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it "
        "O(log(N))."
    ),
    args="key#0 max:double min:double WITHSCORES? LIMIT=limit{offset:integer count:integer}?",
    history=[("2.1.6", "`min` and `max` can be exclusive.")],
)
def zrevrangebyscore(ctx: Client, key: bytes, high: bytes, low: bytes, *options: bytes):
    """Returns members in a sorted set within a range of scores in reverse order."""
    return answer(ctx, key, parse_query(high, low, options, BY_SCORE, True))


@command(
    "ZRANGEBYLEX",
    "sorted-set",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.8.9",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being "
        "returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it "
        "O(log(N))."
    ),
    args="key#0 min max LIMIT=limit{offset:integer count:integer}?",
)
def zrangebylex(ctx: Client, key: bytes, low: bytes, high: bytes, *options: bytes):
    """Returns members in a sorted set within a lexicographical range."""
    return answer(ctx, key, parse_query(low, high, options, BY_LEX))


@command(
    "ZREVRANGEBYLEX",
    "sorted-set",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.8.9",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being "
        "returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it "
        "O(log(N))."
    ),
    args="key#0 max min LIMIT=limit{offset:integer count:integer}?",
)
def zrevrangebylex(ctx: Client, key: bytes, high: bytes, low: bytes, *options: bytes):
    """Returns members in a sorted set within a lexicographical range in reverse order."""
    return answer(ctx, key, parse_query(high, low, options, BY_LEX, True))


@command(
    "ZRANGESTORE",
    "sorted-set",
    arity=-5,
    flags="write denyoom",
    keys=[at(1, "OW update"), at(2, "RO access")],
    since="6.2.0",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into "
        "the destination key."
    ),
    args="dst#0 src#1 min max sortby(BYSCORE | BYLEX)? REV? LIMIT=limit{offset:integer count:integer}?",
)
def zrangestore(ctx: Client, destination: bytes, source: bytes, low: bytes, high: bytes, *options: bytes):
    """Stores a range of members from sorted set in a key."""
    db: Keyspace = ctx.db
    query: RangeQuery = parse_query(low, high, options, ANY, False, False)
    query.with_scores = True
    target: SortedSet = db.read_container(source, SortedSet)
    return store(ctx, destination, {} if target is None else dict(query.select(target)), ZRANGESTORE)


def store(ctx: Client, key: bytes, scores: dict[bytes, float], event: bytes):
    """Put a sorted set in the place of what is at `key`, which is deleted if there are no members; return how many."""
    db: Keyspace = ctx.db
    if scores:
        result: SortedSet = SortedSet(db.limits)
        result.fill(scores)
        db.put(key, result, event)
    else:
        db.delete(key)
    return len(scores)


def count_in(ctx: Client, key: bytes, range_: ScoreRange | LexRange):
    """How many members of the sorted set at `key` are in a range."""
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    if target is None:
        return 0
    start, stop = range_.window(target, False)
    return stop - start


@command(
    "ZCOUNT",
    "sorted-set",
    arity=4,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(log(N)) with N being the number of elements in the sorted set.",
    args="key#0 min:double max:double",
)
def zcount(ctx: Client, key: bytes, low: bytes, high: bytes):
    """Returns the count of members in a sorted set that have scores within a range."""
    return count_in(ctx, key, ScoreRange(low, high))


@command(
    "ZLEXCOUNT",
    "sorted-set",
    arity=4,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.8.9",
    complexity="O(log(N)) with N being the number of elements in the sorted set.",
    args="key#0 min max",
)
def zlexcount(ctx: Client, key: bytes, low: bytes, high: bytes):
    """Returns the number of members in a sorted set within a lexicographical range."""
    return count_in(ctx, key, LexRange(low, high))


def remove_in(ctx: Client, key: bytes, range_: RankRange | ScoreRange | LexRange, event: bytes):
    """Remove the members in a range from the sorted set at `key`; return how many there were."""
    target: SortedSet = ctx.db.edit(key, SortedSet, event)
    if target is None:
        return 0
    start, stop = range_.window(target, False)
    return target.delete_between(start, stop)


@command(
    "ZREMRANGEBYRANK",
    "sorted-set",
    arity=4,
    flags="write",
    keys=[at(1, "RW delete")],
    since="2.0.0",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by "
        "the operation."
    ),
    args="key#0 start:integer stop:integer",
)
def zremrangebyrank(ctx: Client, key: bytes, start: bytes, stop: bytes):
    """Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed."""
    return remove_in(ctx, key, RankRange(start, stop), ZREMRANGEBYRANK)


@command(
    "ZREMRANGEBYSCORE",
    "sorted-set",
    arity=4,
    flags="write",
    keys=[at(1, "RW delete")],
    since="1.2.0",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by "
        "the operation."
    ),
    args="key#0 min:double max:double",
)
def zremrangebyscore(ctx: Client, key: bytes, low: bytes, high: bytes):
    """Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed."""
    return remove_in(ctx, key, ScoreRange(low, high), ZREMRANGEBYSCORE)


@command(
    "ZREMRANGEBYLEX",
    "sorted-set",
    arity=4,
    flags="write",
    keys=[at(1, "RW delete")],
    since="2.8.9",
    complexity=(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by "
        "the operation."
    ),
    args="key#0 min max",
)
def zremrangebylex(ctx: Client, key: bytes, low: bytes, high: bytes):
    """Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were
    removed.
    """
    return remove_in(ctx, key, LexRange(low, high), ZREMRANGEBYLEX)
