"""Ranges of a sorted set by rank, score or member, and the options of the commands that read them.

A range is read from two arguments before the key is opened; `window` then tells which ranks of a sorted set are in it.
"""

import re
from typing import Any

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_float
from geventcache.command.integers import integer
from geventcache.resp.values import Pairs
from geventcache.types.ranges import clamp
from geventcache.types.sorted_sets import SortedSet

ANY, BY_RANK, BY_SCORE, BY_LEX = range(4)
KINDS = {b"BYSCORE": BY_SCORE, b"BYLEX": BY_LEX}
# A bound may be too large or too small for a double, where a score may not.
DECIMAL = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class RankRange:
    """From one rank to another, both included; a negative one counts from the end."""

    def __init__(self, low: bytes, high: bytes) -> None:
        self.low = integer(low)
        self.high = integer(high)

    def window(self, target: SortedSet, reverse: cython.bint) -> tuple:
        """The first rank in the range and the first behind it; with `reverse` the bounds count from the highest."""
        start: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        start, stop = clamp(self.low, self.high, len(target))
        return (len(target) - stop, len(target) - start) if reverse else (start, stop)


class ScoreRange:
    """From one score to another; a bound behind a parenthesis is not included."""

    def __init__(self, low: bytes, high: bytes) -> None:
        self.low_open = low.startswith(b"(")
        self.high_open = high.startswith(b"(")
        self.low = score_bound(low[1:] if self.low_open else low)
        self.high = score_bound(high[1:] if self.high_open else high)

    def window(self, target: SortedSet, reverse: cython.bint) -> tuple:
        """The first rank in the range and the first behind it."""
        return target.score_window(self.low, self.low_open, self.high, self.high_open)


class LexRange:
    """From one member to another in a sorted set in which all scores are equal; ``-`` and ``+`` are the ends."""

    def __init__(self, low: bytes, high: bytes) -> None:
        self.is_empty = low == b"+" or high == b"-"
        self.low_open = low.startswith(b"(")
        self.high_open = high.startswith(b"(")
        self.low = lex_bound(low)
        self.high = lex_bound(high)

    def window(self, target: SortedSet, reverse: cython.bint) -> tuple:
        """The first rank in the range and the first behind it."""
        if self.is_empty:
            return 0, 0
        return target.lex_window(self.low, self.low_open, self.high, self.high_open)


def score_bound(text: bytes) -> float:
    """The score that a bound is, as C reads it: it ends at a zero byte, and nothing is 0.

    Raises:
        CommandError: it is none.
    """
    text = text.partition(b"\0")[0]
    number = parse_float(text)
    if number is not None:
        return number
    if not text:
        return 0.0
    if DECIMAL.fullmatch(text) is None:
        raise CommandError(errors.SCORE_BOUND)
    return float(text)


def lex_bound(text: bytes) -> bytes | None:
    """The member that a bound is; None for an end.

    Raises:
        CommandError: it is neither.
    """
    if text in (b"-", b"+"):
        return None
    if not text.startswith((b"(", b"[")):
        raise CommandError(errors.LEX_BOUND)
    return text[1:]


RANGES: dict[int, Any] = {BY_RANK: RankRange, BY_SCORE: ScoreRange, BY_LEX: LexRange}


class RangeQuery:
    """What ZRANGE and its relatives ask for.

    Attributes:
        range: a RankRange, ScoreRange or LexRange.
        is_reverse: from the highest rank down.
        offset, limit: of what is in the range; a negative limit is none.
        with_scores: members with their scores.
    """

    def __init__(self, kind: int, is_reverse: bool, may_reverse: bool) -> None:
        self.kind = kind
        self.is_reverse = is_reverse
        self.may_reverse = may_reverse
        self.offset = 0
        self.limit = -1
        self.with_scores = False
        self.range: RankRange | ScoreRange | LexRange

    def read_options(self, words: tuple, takes_scores: cython.bint) -> None:
        """Note the options.

        Raises:
            CommandError: one is unknown, incomplete or not of this command.
        """
        remaining = iter(words)
        for word in remaining:
            name = word.upper()
            if name == b"WITHSCORES" and takes_scores:
                self.with_scores = True
            elif name == b"LIMIT":
                self.read_limit(next(remaining, None), next(remaining, None))
            elif name == b"REV" and self.may_reverse:
                self.is_reverse, self.may_reverse = True, False
            elif name in KINDS and self.kind == ANY:
                self.kind = KINDS[name]
            else:
                raise CommandError(errors.SYNTAX)

    def read_limit(self, offset: bytes | None, limit: bytes | None) -> None:
        """Note the two numbers behind LIMIT."""
        if offset is None or limit is None:
            raise CommandError(errors.SYNTAX)
        self.offset = integer(offset)
        self.limit = integer(limit)

    def read_range(self, low: bytes, high: bytes) -> None:
        """Note the range, of the kind that the options say; a reversed one by score or member begins with the highest.

        Raises:
            CommandError: the options exclude one another, or a bound is not of its kind.
        """
        if self.kind == ANY:
            self.kind = BY_RANK
        if self.kind == BY_RANK:
            if self.limit != -1:
                raise CommandError(errors.LIMIT_BY_RANK)
            self.offset = 0
        if self.with_scores and self.kind == BY_LEX:
            raise CommandError(errors.SCORES_BY_LEX)
        if self.is_reverse and self.kind != BY_RANK:
            low, high = high, low
        self.range = RANGES[self.kind](low, high)

    def bounds(self, target: SortedSet) -> tuple[int, int]:
        """The rank, counted in the order asked for, of the first member of `target` asked for, and how many follow."""
        start: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        start, stop = self.range.window(target, self.is_reverse)
        first: cython.Py_ssize_t = len(target) - stop if self.is_reverse else start
        count: cython.Py_ssize_t = stop - start
        offset: cython.longlong = self.offset
        if offset < 0:
            # Counted from the end, but for the small encoding, where nothing is found.
            offset = count if not target.is_skiplist or -offset > count else offset + count
        count = max(count - offset, 0)
        if 0 <= self.limit < count:
            count = self.limit
        return first + offset, count

    def select(self, target: SortedSet) -> list:
        """The members of `target` asked for, in the order asked for; pairs of member and score with `with_scores`."""
        first: cython.Py_ssize_t
        count: cython.Py_ssize_t
        first, count = self.bounds(target)
        if self.with_scores:
            return target.pairs(first, count, self.is_reverse)
        return target.members(first, count, self.is_reverse)

    def shown(self, target: SortedSet):
        """The same as a reply, to be used before there is a change."""
        first: cython.Py_ssize_t
        count: cython.Py_ssize_t
        if self.is_reverse:
            return Pairs(self.select(target)) if self.with_scores else self.select(target)
        first, count = self.bounds(target)
        first = min(first, len(target))
        return target.shown_between(first, first + min(count, len(target) - first), self.with_scores)


def parse_query(
    low: bytes,
    high: bytes,
    options: tuple,
    kind: cython.int = ANY,
    is_reverse: cython.bint = False,
    takes_scores: cython.bint = True,
) -> RangeQuery:
    """Read the arguments of a command of the ZRANGE family; `kind` ANY is for those that take BYSCORE, BYLEX and REV.

    Raises:
        CommandError: they are wrong.
    """
    query = RangeQuery(kind, is_reverse, kind == ANY)
    query.read_options(options, takes_scores)
    query.read_range(low, high)
    return query
