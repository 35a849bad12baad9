"""Sorted sets: members added, removed, counted, drawn at random and scanned; their scores and ranks."""

import math

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError, wrong_arity
from geventcache.base.events import event
from geventcache.base.numbers import format_float, parse_float
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at
from geventcache.command.random_counts import random_count
from geventcache.command.scanning import ScanOptions, parse_cursor
from geventcache.resp.values import NULL_ARRAY, Pairs
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.sorted_sets import SortedSet

ZREM_EVENT = event(b"zrem", "z")
ZADD_EVENT = event(b"zadd", "z")
ZINCR_EVENT = event(b"zincr", "z")
INCREMENT = frozenset((b"INCR",))
RULES = frozenset((b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"))


def parse_score(text: bytes) -> float:
    """The score that an argument is.

    Raises:
        CommandError: it is none.
    """
    number = parse_float(text)
    if number is None:
        raise CommandError(errors.NOT_FLOAT)
    return number


def wanted(old: float | None, score: float, rules: frozenset[bytes]):
    """The score that a member shall have, which has the score `old`; None if it shall stay as it is.

    Raises:
        CommandError: the sum of two scores is no number.
    """
    if old is None:
        return None if b"XX" in rules else score
    if b"NX" in rules:
        return None
    if b"INCR" in rules:
        score += old
        if math.isnan(score):
            raise CommandError(errors.SCORE_NAN)
    if (b"LT" in rules and score >= old) or (b"GT" in rules and score <= old):
        return None
    return score


def read_rules(args: tuple[bytes, ...]):
    """The options in front of the pairs of ZADD, and the pairs.

    Raises:
        CommandError: the options exclude one another, or there are no pairs.
    """
    at = 0
    while at < len(args) and args[at].upper() in RULES:
        at += 1
    rules = frozenset([word.upper() for word in args[:at]])
    pairs = args[at:]
    if not pairs or len(pairs) % 2:
        raise CommandError(errors.SYNTAX)
    if {b"NX", b"XX"} <= rules:
        raise CommandError(errors.XX_WITH_NX)
    if len(rules & {b"NX", b"GT", b"LT"}) > 1:
        raise CommandError(errors.GT_LT_NX)
    if b"INCR" in rules and len(pairs) > 2:
        raise CommandError(errors.INCR_PAIRS)
    return rules, pairs


@cython.cfunc
def add_pairs(ctx: Client, key: bytes, args: tuple):
    """ZADD with options or several pairs."""
    db: Keyspace = ctx.db
    rules, pairs = read_rules(args)
    scores = [parse_score(text) for text in pairs[::2]]
    members = pairs[1::2]
    event = ZINCR_EVENT if b"INCR" in rules else ZADD_EVENT
    if b"XX" in rules and db.find_container(key, SortedSet) is None:
        return None if b"INCR" in rules else 0
    target: SortedSet = db.edit_or_create(key, SortedSet, event)
    target.expect(len(members), max(map(len, members)))
    return set_scores(target, members, scores, rules)


@cython.cfunc
def set_scores(target: SortedSet, members, scores: list, rules):
    """Give members their scores as far as the rules allow; return what ZADD answers."""
    added: cython.Py_ssize_t = 0
    updated: cython.Py_ssize_t = 0
    outcome: cython.int
    score = None
    for i in range(len(members)):
        score = wanted(target.score(members[i]), scores[i], rules)
        if score is not None:
            outcome = target.add(members[i], score)
            added += outcome == 1
            updated += outcome == 0
    if b"INCR" in rules:
        return score
    return added + updated if b"CH" in rules else added


@command(
    "ZADD",
    "sorted-set",
    arity=-4,
    flags="write denyoom fast",
    keys=[at(1, "RW update")],
    since="1.2.0",
    complexity="O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    args=(
        "key#0 condition(NX | XX)@3.0.2? comparison(GT | LT)@6.2.0? CH=change:token@3.0.2? "
        "INCR=increment:token@3.0.2? data{score:double member}*"
    ),
    history=[
        ("2.4.0", "Accepts multiple elements."),
        ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
        ("6.2.0", "Added the `GT` and `LT` options."),
    ],
)
def zadd(ctx: Client, key: bytes, score: bytes, member: bytes, *rest: bytes):
    """Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist."""
    if not rest:
        number = parse_float(score)
        if number is not None:
            target: SortedSet = ctx.db.edit_or_create(key, SortedSet, ZADD_EVENT)
            return 1 if target.add(member, number) == 1 else 0
    return add_pairs(ctx, key, (score, member, *rest))


@command(
    "ZINCRBY",
    "sorted-set",
    arity=4,
    flags="write denyoom fast",
    keys=[at(1, "RW access update")],
    since="1.2.0",
    complexity="O(log(N)) where N is the number of elements in the sorted set.",
    args="key#0 increment:integer member",
)
def zincrby(ctx: Client, key: bytes, increment: bytes, member: bytes):
    """Increments the score of a member in a sorted set."""
    score = parse_score(increment)
    target: SortedSet = ctx.db.edit_or_create(key, SortedSet, ZINCR_EVENT)
    return set_scores(target, (member,), [score], INCREMENT)


@command(
    "ZREM",
    "sorted-set",
    arity=-3,
    flags="write fast",
    keys=[at(1, "RW delete")],
    since="1.2.0",
    complexity=(
        "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed."
    ),
    args="key#0 member*",
    history=[("2.4.0", "Accepts multiple elements.")],
)
def zrem(ctx: Client, key: bytes, member: bytes, *members: bytes):
    """Removes one or more members from a sorted set. Deletes the sorted set if all members were removed."""
    target: SortedSet = ctx.db.edit(key, SortedSet, ZREM_EVENT)
    if target is None:
        return 0
    removed: cython.Py_ssize_t = 1 if target.drop(member) else 0
    for other in members:
        if target.drop(other):
            removed += 1
    return removed


@command(
    "ZCARD",
    "sorted-set",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="1.2.0",
    complexity="O(1)",
    args="key#0",
)
def zcard(ctx: Client, key: bytes):
    """Returns the number of members in a sorted set."""
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    return 0 if target is None else len(target)


@command(
    "ZSCORE",
    "sorted-set",
    arity=3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="1.2.0",
    complexity="O(1)",
    args="key#0 member",
)
def zscore(ctx: Client, key: bytes, member: bytes):
    """Returns the score of a member in a sorted set."""
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    return None if target is None else target.score(member)


@command(
    "ZMSCORE",
    "sorted-set",
    arity=-3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="6.2.0",
    complexity="O(N) where N is the number of members being requested.",
    args="key#0 member*",
)
def zmscore(ctx: Client, key: bytes, member: bytes, *members: bytes):
    """Returns the score of one or more members in a sorted set."""
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    return [None if target is None else target.score(name) for name in (member, *members)]


@cython.cfunc
def rank_of(ctx: Client, key: bytes, member: bytes, options: tuple, reverse: cython.bint):
    """The rank of a member, with its score if the options say so."""
    with_score: cython.bint = len(options) == 1 and options[0].upper() == b"WITHSCORE"
    if options and not with_score:
        raise CommandError(errors.SYNTAX if len(options) == 1 else wrong_arity(b"zrevrank" if reverse else b"zrank"))
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    rank: cython.Py_ssize_t = -1 if target is None else target.rank(member, reverse)
    if with_score:
        return NULL_ARRAY if rank < 0 else [rank, target.score(member)]
    return None if rank < 0 else rank


@command(
    "ZRANK",
    "sorted-set",
    arity=-3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(log(N))",
    args="key#0 member WITHSCORE?",
    history=[("7.2.0", "Added the optional `WITHSCORE` argument.")],
)
def zrank(ctx: Client, key: bytes, member: bytes, *options: bytes):
    """Returns the index of a member in a sorted set ordered by ascending scores."""
    return rank_of(ctx, key, member, options, False)


@command(
    "ZREVRANK",
    "sorted-set",
    arity=-3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.0.0",
    complexity="O(log(N))",
    args="key#0 member WITHSCORE?",
    history=[("7.2.0", "Added the optional `WITHSCORE` argument.")],
)
def zrevrank(ctx: Client, key: bytes, member: bytes, *options: bytes):
    """Returns the index of a member in a sorted set ordered by descending scores."""
    return rank_of(ctx, key, member, options, True)


@command(
    "ZRANDMEMBER",
    "sorted-set",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="6.2.0",
    complexity="O(N) where N is the number of members returned",
    tips="nondeterministic_output",
    args="key#0 options{count:integer WITHSCORES?}?",
)
def zrandmember(ctx: Client, key: bytes, *options: bytes):
    """Returns one or more random members from a sorted set."""
    if options:
        return draw(ctx, key, options)
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    return None if target is None else target.random_member()


@cython.cfunc
def draw(ctx: Client, key: bytes, options: tuple):
    """Up to `count` different members of a sorted set; if `count` is negative, as many that may repeat."""
    with_scores: cython.bint = len(options) == 2 and options[1].upper() == b"WITHSCORES"
    count: cython.Py_ssize_t = random_count(options[0], 2 if with_scores else 1)
    if len(options) > 1 and not with_scores:
        raise CommandError(errors.SYNTAX)
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    if target is None:
        return ()
    members = target.random_members(count) if count >= 0 else [target.random_member() for _ in range(-count)]
    return Pairs([(member, target.score(member)) for member in members]) if with_scores else members


@command(
    "ZSCAN",
    "sorted-set",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.8.0",
    complexity=(
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return "
        "back to 0. N is the number of elements inside the collection."
    ),
    tips="nondeterministic_output",
    args="key#0 cursor:integer MATCH=pattern:pattern? COUNT=count:integer? NOSCORES?",
    history=[("8.0.0", "Added noscores option.")],
)
def zscan(ctx: Client, key: bytes, cursor: bytes, *words: bytes):
    """Iterates over members and scores of a sorted set."""
    position = parse_cursor(cursor)
    target: SortedSet = ctx.db.read_container(key, SortedSet)
    if target is None:
        return b"0", ()
    options = ScanOptions(words, b"ZSCAN")
    following, members = options.page(target, position)
    return following, members if options.is_bare else with_texts(target, members)


def with_texts(target: SortedSet, members: list[bytes]):
    """Members and the texts of their scores, which a scan shows with all their digits unless the set is small."""
    found: list[bytes] = []
    for member in members:
        score: float = target.score(member)  # type: ignore[assignment] # it is there
        found += (member, b"%.17g" % score if target.is_skiplist else format_float(score))
    return found
