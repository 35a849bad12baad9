r"""Glob patterns on bytes, as KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL rules read them.

Rules of the language: ``*`` any run, ``?`` one byte, ``[a-c]`` and ``[^a]`` one byte of a class, ``\x`` the byte x
itself; a class that is not closed ends with the pattern, and ``]`` closes a class wherever it stands except behind
``\`` or as the end of a range. An empty text matches the empty pattern alone, not even ``*``: callers for which ``*``
means "no filter" test for it themselves.

Every part between two stars has a fixed length, so the first place where it fits is always the right one: the time of a
match grows with the product of the two lengths at worst and never exponentially.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import methodcaller

# What a compiled glob is: a call that answers true or false (not always a bool, to save a wrapper) for a text.
Matcher = Callable[[bytes], object]

_STAR, _QUESTION, _OPEN, _CLOSE, _ESCAPE, _CARET, _DASH = b"*?[]\\^-"
# More runs of stars than this never match: the reference's bound on its recursion.
_MAX_STARS = 1000
# The parser of ``re`` is slow for long patterns: a part with more wildcards than this is matched without it.
_MAX_RE_TOKENS = 1024

_ANY = frozenset(range(256))


@lru_cache(maxsize=1024)
def compile_glob(pattern: bytes, is_case_insensitive: bool = False) -> Matcher:
    """Return a call that tells whether a text matches the whole of `pattern`; the last 1,024 patterns are kept.

    With `is_case_insensitive` ASCII letters of both cases are equal.
    """
    parts, has_star = _split(pattern, is_case_insensitive)
    if not has_star:
        return _whole(parts[0])
    if len(parts) - 1 - (not parts[-1]) > _MAX_STARS:
        return _never
    head, middle, tail = parts[0], [part for part in parts[1:-1] if part], parts[-1]
    if not middle:
        return _ends(head, tail)
    return _Sequence(_Part(head), [_Part(part) for part in middle], _Part(tail)).matches


def _never(_text: bytes) -> bool:
    return False


def _whole(part: list[frozenset[int]]) -> Matcher:
    """Return the matcher of a pattern without stars."""
    fixed = _Part(part)
    if fixed.literal is not None:
        return fixed.literal.__eq__
    return lambda text: len(text) == fixed.length and fixed.is_at(text, 0)


def _ends(head: list[frozenset[int]], tail: list[frozenset[int]]) -> Matcher:
    """Return the matcher of a pattern with one star; by far the most used ones are a call into C."""
    first, last = _Part(head), _Part(tail)
    if not head and not tail:
        return bool
    if not tail and first.literal is not None:
        return methodcaller("startswith", first.literal)
    if not head and last.literal is not None:
        return methodcaller("endswith", last.literal)
    return _Sequence(first, [], last).matches


class _Part:
    """What stands between two stars: one set of bytes a position."""

    def __init__(self, positions: list[frozenset[int]]) -> None:
        self.length = len(positions)
        self.literal: bytes | None = None
        self._positions = positions
        self._regex: re.Pattern[bytes] | None = None
        if all(len(position) == 1 for position in positions):
            self.literal = bytes(byte for position in positions for byte in position)
        elif self.length <= _MAX_RE_TOKENS:
            self._regex = re.compile(b"".join(map(_expression, positions)), re.DOTALL)

    def is_at(self, text: bytes, start: int) -> bool:
        """Tell whether the part fits `text` at `start`, where it has room."""
        if self.literal is not None:
            return text.startswith(self.literal, start)
        if self._regex is not None:
            return self._regex.match(text, start) is not None
        return all(text[start + i] in position for i, position in enumerate(self._positions))

    def find(self, text: bytes, start: int, end: int) -> int:
        """Return the first place from `start` on where the part fits and ends by `end`, or -1."""
        if self.literal is not None:
            return text.find(self.literal, start, end)
        if self._regex is not None:
            found = self._regex.search(text, start, end)
            return found.start() if found else -1
        return next((at for at in range(start, end - self.length + 1) if self.is_at(text, at)), -1)


class _Sequence:
    """A pattern with stars: its first part, those that may move, and its last."""

    def __init__(self, head: _Part, middle: list[_Part], tail: _Part) -> None:
        self._head = head
        self._middle = middle
        self._tail = tail
        self._fixed_length = head.length + tail.length

    def matches(self, text: bytes) -> bool:
        """Tell whether `text` matches."""
        if len(text) < self._fixed_length or not text:
            return False
        position, end = self._head.length, len(text) - self._tail.length
        if not self._head.is_at(text, 0) or not self._tail.is_at(text, end):
            return False
        for part in self._middle:
            position = part.find(text, position, end)
            if position < 0:
                return False
            position += part.length
        return True


def _split(pattern: bytes, is_case_insensitive: bool) -> tuple[list[list[frozenset[int]]], bool]:
    """Return the parts between runs of stars (empty at an end that is a star), and whether there was a star."""
    parts: list[list[frozenset[int]]] = [[]]
    has_star = False
    for position in _positions(pattern, is_case_insensitive):
        if position is not None:
            parts[-1].append(position)
        elif parts[-1] or not has_star:
            has_star = True
            parts.append([])
    return parts, has_star


def _positions(pattern: bytes, is_case_insensitive: bool) -> Iterator[frozenset[int] | None]:
    """Yield, a position of the text, the bytes that fit there; None for a star."""
    at = 0
    while at < len(pattern):
        byte = pattern[at]
        if byte == _STAR:
            yield None
        elif byte == _QUESTION:
            yield _ANY
        elif byte == _OPEN:
            at, members = _class(pattern, at + 1, is_case_insensitive)
            yield members
        else:
            if byte == _ESCAPE and at + 1 < len(pattern):
                at += 1
            yield _single(pattern[at], is_case_insensitive)
        at += 1


@lru_cache(maxsize=512)
def _single(byte: int, is_case_insensitive: bool) -> frozenset[int]:
    letter = bytes((byte,))
    return frozenset(letter.lower() + letter.upper()) if is_case_insensitive else frozenset(letter)


def _class(pattern: bytes, at: int, is_case_insensitive: bool) -> tuple[int, frozenset[int]]:
    """Read a class that opens before `at`; return the place of its last byte and its members."""
    is_negated = pattern[at : at + 1] == b"^"
    at += is_negated
    members: set[int] = set()
    while at < len(pattern) and pattern[at] != _CLOSE:
        if pattern[at] == _ESCAPE and at + 1 < len(pattern):
            members |= _single(pattern[at + 1], is_case_insensitive)
            at += 2
        elif at + 2 < len(pattern) and pattern[at + 1] == _DASH:
            members |= _range(pattern[at], pattern[at + 2], is_case_insensitive)
            at += 3
        else:
            members |= _single(pattern[at], is_case_insensitive)
            at += 1
    return at, frozenset(_ANY - members if is_negated else members)


def _range(start: int, end: int, is_case_insensitive: bool) -> frozenset[int]:
    """Return the bytes of a range; its ends may stand in either order, and are lowered after they are put in order."""
    start, end = min(start, end), max(start, end)
    if not is_case_insensitive:
        return frozenset(range(start, end + 1))
    start, end = bytes((start, end)).lower()
    lowered = range(start, end + 1)
    return frozenset(byte for byte in range(256) if bytes((byte,)).lower()[0] in lowered)


def _expression(position: frozenset[int]) -> bytes:
    """Return the regular expression of one position."""
    if len(position) == 256:
        return b"."
    if not position:
        return b"(?!)."
    return b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(position)) + b"]"
