"""Globs match what the reference's do; the tables are its answers."""

from __future__ import annotations

import itertools

import pytest

from geventcache.base.glob import compile_glob


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (b"*", [b"a", b"a\n", b"\xff"], [b""]),
        (b"", [b""], [b"a"]),
        (b"**", [b"a"], [b""]),
        (b"abc", [b"abc"], [b"ab", b"abcd", b"ABC"]),
        (b"a?c", [b"abc", b"a\nc"], [b"ac", b"abbc"]),
        (b"a*", [b"a", b"abc"], [b"ba"]),
        (b"*a", [b"a", b"ba"], [b"ab"]),
        (b"*a*b*", [b"ab", b"xaxbx"], [b"ba"]),
        (b"a*a", [b"aa", b"aba"], [b"a"]),
        (b"*ab?", [b"abab1", b"ab1"], [b"ab", b"ab12"]),
        (b"[a-c]x", [b"ax", b"cx"], [b"dx", b"x"]),
        (b"[c-a]", [b"b"], [b"d"]),
        (b"[^a]", [b"b"], [b"a", b"bb"]),
        (b"[^]", [b"a", b"]"], [b""]),
        (b"[]a]", [], [b"]", b"a", b"a]"]),
        (b"[\\]]", [b"]"], [b"\\"]),
        (b"[a-]", [b"a", b"^"], [b"-", b"b"]),
        (b"[a", [b"a"], [b"[a"]),
        (b"[", [], [b"[", b""]),
        (b"\\*", [b"*"], [b"a", b"\\*"]),
        (b"a\\", [b"a\\"], [b"a"]),
    ],
)
def test_pattern(pattern: bytes, matching: list[bytes], others: list[bytes]) -> None:
    """A pattern matches exactly what the reference matches with it."""
    matches = compile_glob(pattern)
    assert [text for text in matching if not matches(text)] == []
    assert [text for text in others if matches(text)] == []


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (b"MAX*y", [b"maxmemory", b"maxY"], [b"xmaxy"]),
        (b"h[A-z]", [b"hz", b"HZ"], [b"h_"]),
        (b"[a-M]", [], [b"f", b"m"]),
        (b"[^B-C]", [b"a", b"A"], [b"b", b"C"]),
    ],
)
def test_pattern_in_any_case(pattern: bytes, matching: list[bytes], others: list[bytes]) -> None:
    """Without case, a range is put in order first and lowered then."""
    matches = compile_glob(pattern, True)
    assert [text for text in matching if not matches(text)] == []
    assert [text for text in others if matches(text)] == []


def _matches_slowly(pattern: bytes, text: bytes) -> bool:
    """The definition of a pattern of letters and stars, on a text that is not empty."""
    if not pattern:
        return not text
    if pattern[:1] == b"*":
        return any(_matches_slowly(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return pattern[:1] == text[:1] and _matches_slowly(pattern[1:], text[1:])


def test_every_short_pattern() -> None:
    """Patterns of two letters and stars match by definition."""
    texts = [bytes(text) for n in range(1, 5) for text in itertools.product(b"ab", repeat=n)]
    for n in range(6):
        for letters in itertools.product(b"ab*", repeat=n):
            pattern = bytes(letters)
            found = [text for text in texts if compile_glob(pattern)(text)]
            assert found == [text for text in texts if _matches_slowly(pattern, text)], pattern


def test_many_stars_do_not_explode() -> None:
    """A pattern that is exponential for a naive matcher is answered."""
    assert not compile_glob(b"a*" * 500 + b"b")(b"a" * 2000)


def test_bound_of_stars() -> None:
    """A thousand runs of stars match, one more never does, a run at the end does not count."""
    text = b"a" * 2000
    assert compile_glob(b"*a" * 1000)(text)
    assert compile_glob(b"**a" * 1000 + b"*")(text)
    assert not compile_glob(b"*a" * 1001)(text)


def test_long_run_of_classes() -> None:
    """A part that is too long for a regular expression matches the same way."""
    pattern = b"x*" + b"[ab]" * 1500 + b"*y"
    assert compile_glob(pattern)(b"x" + b"ba" * 800 + b"y")
    assert not compile_glob(pattern)(b"x" + b"ba" * 700 + b"y")


def test_compiled_once() -> None:
    """A pattern that was compiled is kept."""
    assert compile_glob(b"kept:*:x") is compile_glob(b"kept:*:x")
