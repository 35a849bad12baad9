"""Sums of long doubles print as INCRBYFLOAT prints them; the tables are the reference's answers on x86-64."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.base.long_double import LongDouble, parse_long_double


def _read(text: bytes) -> LongDouble:
    number = parse_long_double(text)
    assert number is not None
    return number


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        *((b"10.5", b"0.1", b"10.6"), (b"0.1", b"0.2", b"0.3"), (b"5.0e3", b"2.0e2", b"5200"), (b"1", b"-1", b"0")),
        *((b"0", b"-0", b"0"), (b"0", b"0x1p3", b"8"), (b"1e-18", b"0", b"0"), (b"3", b"-1e-20", b"3")),
        *((b"-1e-20", b"0", b"0"), (b"1e-400", b"0", b"0"), (b"0", b"+.5", b"0.5"), (b"5.", b"0", b"5")),
        (b"147573952589676412928.5", b"0", b"147573952589676412928"),
        (b"37.06151414842609546", b"0", b"37.06151414842609546"),
        (b"-83863992071859526.4133885179175375504798562", b"0", b"-83863992071859526.4140625"),
    ],
)
def test_sum(left: bytes, right: bytes, total: bytes) -> None:
    """A sum prints to the same digit."""
    assert _read(left).plus(_read(right)).text() == total


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b" 1", b"1 ", b"nan", b"1_0", b"1e", b"0x", b"0x1.8p", b".", b"--1", b"1e4933", b"1.2e4932", b"1e-5000"),
        *(b"0x1p-16446", b"1" * 5120, b"1e99999999999999999999", b"1\0"),
    ],
)
def test_no_number(text: bytes) -> None:
    """What the reference refuses is refused."""
    assert parse_long_double(text) is None


@pytest.mark.parametrize(("left", "right"), [(b"inf", b"1"), (b"inf", b"-inf"), (b"1.18e4932", b"1.18e4932")])
def test_not_finite(left: bytes, right: bytes) -> None:
    """Infinities are read, and a sum that is none or too large is not finite."""
    assert not _read(left).plus(_read(right)).is_finite


def test_longest_text() -> None:
    """A number of more digits than the interpreter converts at once is read and printed."""
    assert _read(b"0" * 5119).text() == b"0"
    assert len(_read(b"1" * 4900).text()) == 4900


@given(st.decimals(min_value=-(10**18), max_value=10**18, allow_nan=False, allow_infinity=False, places=6))
def test_error_is_half_a_unit(number: object) -> None:
    """What is read differs from what is written by half a unit in the last of 64 bits at most."""
    read, exact = _read(str(number).encode()), Fraction(str(number))
    value = Fraction(read.significand) * Fraction(2) ** read.exponent
    assert abs(value - exact) <= abs(exact) / 2**64
