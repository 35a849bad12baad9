"""Unions, intersections and differences of sorted sets, as replies or stored at a key.

Sets take part as sorted sets in which all scores are 1. A missing key is an empty sorted set.
"""

import math

import cython

from geventcache.base import errors
from geventcache.base.errors import WRONG_TYPE, CommandError
from geventcache.base.events import event
from geventcache.base.numbers import parse_float
from geventcache.command.declaration import command
from geventcache.command.integers import at_least, integer
from geventcache.command.keyspecs import at, counted_at
from geventcache.commands.set_operations import count_common
from geventcache.commands.sorted_set_ranges import store
from geventcache.resp.values import Pairs
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet, in_order

SUM = cython.declare(cython.int, 0)
MIN = cython.declare(cython.int, 1)
MAX = cython.declare(cython.int, 2)
ZUNIONSTORE = event(b"zunionstore", "z")
ZINTERSTORE = event(b"zinterstore", "z")
ZDIFFSTORE = event(b"zdiffstore", "z")
AGGREGATES = {b"SUM": SUM, b"MIN": MIN, b"MAX": MAX}


class Operation:
    """The arguments of one operation, its keys read.

    Attributes:
        inputs: the scores by member of each key.
        weights: what the scores of each are multiplied by.
        aggregate: how scores of one member are put together: SUM, MIN or MAX.
        limit: at most so many members are counted; 0 for all.
        with_scores: the reply shows them.
    """

    def __init__(self, ctx, name, args, options) -> None:
        """Read ``numkeys key ...`` and the `options` that the command has, the keys before them as the reference does.

        Raises:
            CommandError: the arguments are wrong, or a key is neither a set nor a sorted set.
        """
        number = integer(args[0])
        if number < 1:
            raise CommandError(errors.no_input_keys(name))
        if number >= len(args):
            raise CommandError(errors.SYNTAX)
        self.inputs = [scores_at(ctx, key) for key in args[1 : number + 1]]
        self.weights = [1.0] * number
        self.aggregate = SUM
        self.limit = 0
        self.with_scores = False
        self.read_options(args[number + 1 :], options)

    def read_options(self, words, options):
        """Note the options."""
        number = len(self.inputs)
        while words:
            word = words[0].upper()
            size = {b"WEIGHTS": number + 1, b"AGGREGATE": 2, b"LIMIT": 2, b"WITHSCORES": 1}.get(word, 0)
            if word not in options or len(words) < size:
                raise CommandError(errors.SYNTAX)
            self.take(word, words[1:size])
            words = words[size:]

    def take(self, word, values):
        """Note one option."""
        if word == b"WEIGHTS":
            self.weights = [parse_weight(text) for text in values]
        elif word == b"AGGREGATE":
            aggregate = AGGREGATES.get(values[0].upper())
            if aggregate is None:
                raise CommandError(errors.SYNTAX)
            self.aggregate = aggregate
        elif word == b"LIMIT":
            self.limit = at_least(values[0], 0, errors.LIMIT_NEGATIVE)
        else:
            self.with_scores = True

    def by_size(self):
        """The inputs with their weights from the smallest to the largest: scores are added in this order."""
        return sorted(zip(self.inputs, self.weights, strict=True), key=lambda pair: len(pair[0]))

    def reply(self, scores):
        """The members of the result in order, with their scores if these were asked for."""
        members = in_order(scores)
        return Pairs([(member, scores[member]) for member in members]) if self.with_scores else members


def parse_weight(text: bytes):
    """The weight that an argument is.

    Raises:
        CommandError: it is none.
    """
    weight = parse_float(text)
    if weight is None:
        raise CommandError(errors.WEIGHT_NOT_FLOAT)
    return weight


def scores_at(ctx: Client, key: bytes):
    """The scores by member at `key`, which is a sorted set or a set.

    Raises:
        CommandError: it is of another type.
    """
    db: Keyspace = ctx.db
    value = db.read(key)
    if value is None:
        return {}
    if type(value) is SortedSet:
        return value.to_dict()
    if type(value) is Set:
        return dict.fromkeys(value.names(), 1.0)
    raise CommandError(WRONG_TYPE)


@cython.cfunc
def weighted(weight: cython.double, score: cython.double) -> cython.double:
    """A score times a weight; nothing times infinity is 0."""
    product: cython.double = weight * score
    return 0.0 if math.isnan(product) else product


@cython.cfunc
def combined(a: cython.double, b: cython.double, aggregate: cython.int) -> cython.double:
    """Two scores of one member as one; opposite infinities cancel out."""
    if aggregate == MIN:
        return b if b < a else a
    if aggregate == MAX:
        return b if b > a else a
    total: cython.double = a + b
    return 0.0 if math.isnan(total) else total


def union(operation: Operation):
    """The scores of the members that are in any input."""
    merged: dict = {}
    aggregate: cython.int = operation.aggregate
    weight: cython.double
    score: cython.double
    scores: dict
    for scores, weight in operation.by_size():
        for member, value in scores.items():
            score = weighted(weight, value)
            old = merged.get(member)
            merged[member] = score if old is None else combined(old, score, aggregate)
    return merged


def intersection(operation: Operation):
    """The scores of the members that are in all inputs."""
    inputs = operation.by_size()
    aggregate: cython.int = operation.aggregate
    smallest: dict = inputs[0][0]
    weight: cython.double = inputs[0][1]
    merged: dict = {member: weighted(weight, score) for member, score in smallest.items()}
    scores: dict
    for scores, weight in inputs[1:]:
        merged = {
            member: combined(score, weight * cython.cast(cython.double, scores[member]), aggregate)
            for member, score in merged.items()
            if member in scores
        }
    return merged


def difference(operation: Operation):
    """The scores of the members of the first input that are in no other one."""
    found: dict = operation.inputs[0]
    scores: dict
    for scores in operation.inputs[1:]:
        found = {member: score for member, score in found.items() if member not in scores}
    return found


READ_OPTIONS = frozenset((b"WEIGHTS", b"AGGREGATE", b"WITHSCORES"))
STORE_OPTIONS = READ_OPTIONS - {b"WITHSCORES"}


@command(
    "ZUNION",
    "sorted-set",
    arity=-3,
    flags="readonly",
    keys=[counted_at(1, "RO access")],
    since="6.2.0",
    complexity=(
        "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of "
        "elements in the resulting sorted set."
    ),
    args="numkeys:integer key#0* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM | MIN | MAX)? WITHSCORES?",
)
def zunion(ctx: Client, numkeys: bytes, key: bytes, *rest: bytes):
    """Returns the union of multiple sorted sets."""
    operation = Operation(ctx, b"zunion", (numkeys, key, *rest), READ_OPTIONS)
    return operation.reply(union(operation))


@command(
    "ZUNIONSTORE",
    "sorted-set",
    arity=-4,
    flags="write denyoom",
    keys=[at(1, "OW update"), counted_at(2, "RO access")],
    since="2.0.0",
    complexity=(
        "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of "
        "elements in the resulting sorted set."
    ),
    args="destination#0 numkeys:integer key#1* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM | MIN | MAX)?",
)
def zunionstore(ctx: Client, destination: bytes, numkeys: bytes, key: bytes, *rest: bytes):
    """Stores the union of multiple sorted sets in a key."""
    operation = Operation(ctx, b"zunionstore", (numkeys, key, *rest), STORE_OPTIONS)
    return store(ctx, destination, union(operation), ZUNIONSTORE)


@command(
    "ZINTER",
    "sorted-set",
    arity=-3,
    flags="readonly",
    keys=[counted_at(1, "RO access")],
    since="6.2.0",
    complexity=(
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted "
        "sets and M being the number of elements in the resulting sorted set."
    ),
    args="numkeys:integer key#0* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM | MIN | MAX)? WITHSCORES?",
)
def zinter(ctx: Client, numkeys: bytes, key: bytes, *rest: bytes):
    """Returns the intersect of multiple sorted sets."""
    operation = Operation(ctx, b"zinter", (numkeys, key, *rest), READ_OPTIONS)
    return operation.reply(intersection(operation))


@command(
    "ZINTERSTORE",
    "sorted-set",
    arity=-4,
    flags="write denyoom",
    keys=[at(1, "OW update"), counted_at(2, "RO access")],
    since="2.0.0",
    complexity=(
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted "
        "sets and M being the number of elements in the resulting sorted set."
    ),
    args="destination#0 numkeys:integer key#1* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM | MIN | MAX)?",
)
def zinterstore(ctx: Client, destination: bytes, numkeys: bytes, key: bytes, *rest: bytes):
    """Stores the intersect of multiple sorted sets in a key."""
    operation = Operation(ctx, b"zinterstore", (numkeys, key, *rest), STORE_OPTIONS)
    return store(ctx, destination, intersection(operation), ZINTERSTORE)


@command(
    "ZINTERCARD",
    "sorted-set",
    arity=-3,
    flags="readonly",
    keys=[counted_at(1, "RO access")],
    since="7.0.0",
    complexity="O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
    args="numkeys:integer key#0* LIMIT=limit:integer?",
)
def zintercard(ctx: Client, numkeys: bytes, key: bytes, *rest: bytes):
    """Returns the number of members of the intersect of multiple sorted sets."""
    operation = Operation(ctx, b"zintercard", (numkeys, key, *rest), frozenset((b"LIMIT",)))
    return count_common(sorted(operation.inputs, key=len), operation.limit)


@command(
    "ZDIFF",
    "sorted-set",
    arity=-3,
    flags="readonly",
    keys=[counted_at(1, "RO access")],
    since="6.2.0",
    complexity=(
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the "
        "first set, and K is the size of the result set."
    ),
    args="numkeys:integer key#0* WITHSCORES?",
)
def zdiff(ctx: Client, numkeys: bytes, key: bytes, *rest: bytes):
    """Returns the difference between multiple sorted sets."""
    operation = Operation(ctx, b"zdiff", (numkeys, key, *rest), frozenset((b"WITHSCORES",)))
    return operation.reply(difference(operation))


@command(
    "ZDIFFSTORE",
    "sorted-set",
    arity=-4,
    flags="write denyoom",
    keys=[at(1, "OW update"), counted_at(2, "RO access")],
    since="6.2.0",
    complexity=(
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the "
        "first set, and K is the size of the result set."
    ),
    args="destination#0 numkeys:integer key#1*",
)
def zdiffstore(ctx: Client, destination: bytes, numkeys: bytes, key: bytes, *rest: bytes):
    """Stores the difference of multiple sorted sets in a key."""
    operation = Operation(ctx, b"zdiffstore", (numkeys, key, *rest), frozenset())
    return store(ctx, destination, difference(operation), ZDIFFSTORE)
