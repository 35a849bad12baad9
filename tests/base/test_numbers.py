"""Numbers are read as strictly and printed as exactly as the reference does; the tables are its answers."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.base import numbers

INTEGERS = [0, 1, -1, 9, 10, 42, 2**31, 2**63 - 1, -(2**63), 10**18]
NO_INTEGERS = [
    *(b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"-01", b"00", b"1.0", b"1e3", b"-", b"--1", b"1\0", b"abc", b"1_0"),
    *(b"\xb2", b"0x10", b"9223372036854775808", b"-9223372036854775809", b"99999999999999999999", b"1" * 30),
]


@pytest.mark.parametrize("value", INTEGERS)
def test_integer(value: int) -> None:
    """A canonical integer is read, and printed back."""
    text = str(value).encode()
    assert numbers.parse_integer(text) == value
    assert numbers.scan_integer(text) == (value, True)
    assert numbers.format_integer(value) == text


@pytest.mark.parametrize("text", NO_INTEGERS)
def test_no_integer(text: bytes) -> None:
    """What is not a canonical signed 64-bit integer is none."""
    assert numbers.parse_integer(text) is None
    assert numbers.scan_integer(text) == (0, False)


@given(st.integers(-(2**66), 2**66))
def test_integer_range(value: int) -> None:
    """Exactly the signed 64-bit integers are read."""
    expected = value if -(2**63) <= value < 2**63 else None
    assert numbers.parse_integer(str(value).encode()) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((b"0", 0), (b"7", 7), (b"01", 1), (b"+1", 1), (b" 1", 1), (b"00", 0), (b"000000000000000000000000001", 1)),
        *((b"18446744073709551615", 2**64 - 1), (b"+18446744073709551615", 2**64 - 1), (b"9223372036854775808", 2**63)),
        *((b"18446744073709551616", None), (b"-1", None), (b"", None), (b"1 ", None), (b"0x10", None)),
        *((b"-0", 0), (b"-01", 2**64 - 1), (b"-9223372036854775809", 2**63 - 1), (b"-18446744073709551615", 1)),
        *((b"+", None), (b"-", None), (b"++1", None), (b"-18446744073709551616", None), (b"1" * 30, None)),
    ],
)
def test_unsigned(text: bytes, value: int | None) -> None:
    """Unsigned integers are read as leniently as cursors are, and no more."""
    assert numbers.parse_unsigned(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((b"1", 1.0), (b"-0", -0.0), (b".5", 0.5), (b"5.", 5.0), (b"+.5", 0.5), (b"1e5", 1e5), (b"1E+05", 1e5)),
        *((b"000000012345", 12345.0), (b"-1.250", -1.25), (b"123456789012.345", 123456789012.345), (b"-0.0", -0.0)),
        *((b"0.1", 0.1), (b"0.00000000000001", 1e-14), (b"999999999999999", 999999999999999.0)),
        *((b"-.5e-3", -0.0005), (b"01", 1.0), (b"1e-320", 1e-320), (b"0e-999", 0.0), (b"9" * 200, 1e200)),
        *((b"inf", math.inf), (b"+Inf", math.inf), (b"-INFINITY", -math.inf), (b"9223372036854775807", 2.0**63)),
    ],
)
def test_float(text: bytes, value: float) -> None:
    """What the reference takes for a score is read."""
    read = numbers.parse_float(text)
    assert read == value
    assert read is not None
    assert math.copysign(1, read) == math.copysign(1, value)


@pytest.mark.parametrize("digits", [1, 3, 9, 14, 15, 16, 17])
def test_decimals(digits: int) -> None:
    """A decimal is the double that is nearest to it, wherever its point stands."""
    choice = random.Random(digits)
    for _ in range(300):
        text = "".join(choice.choices("0123456789", k=digits))
        point = choice.randrange(digits + 1)
        for written in (text, f"-{text}", f"{text[:point]}.{text[point:]}", f"-{text[:point]}.{text[point:]}"):
            assert numbers.parse_float(written.encode()) == float(written)


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b" 1",
            b"1 ",
            b"nan",
            b"-nan",
            b"infinit",
            b"++1",
            b"+-inf",
            b"1_0",
            b"1e",
            b"1e+",
            b".",
            b"-",
            b"-.",
            b"1.2.",
            b"e5",
            b"0x10",
        ),
        *(b"1e400", b"-1e400", b"1e-400", b"1\0", b"1,5", b"9" * 400, b"1e99999999999999999999", b"+", b"1.2.3"),
    ],
)
def test_no_float(text: bytes) -> None:
    """What the reference refuses as a score is none."""
    assert numbers.parse_float(text) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, b"0"), (-0.0, b"-0"), (3.0, b"3"), (-7.25, b"-7.25"), (0.1, b"0.1"), (1e-5, b"0.00001")),
        *(
            (1e-6, b"0.000001"),
            (1e-7, b"1e-7"),
            (1.234e-5, b"1.234e-5"),
            (5e-324, b"5e-324"),
            (1e17, b"100000000000000000"),
        ),
        *((1e19, b"1e+19"), (1e21, b"1e+21"), (1.2345e19, b"1.2345e+19"), (2.0**62, b"4611686018427387904")),
        *(
            (2.0**63, b"9223372036854776000"),
            (0.1 + 0.2, b"0.30000000000000004"),
            (123456789012345678.0, b"123456789012345680"),
        ),
        *(
            (math.inf, b"inf"),
            (-math.inf, b"-inf"),
            (math.nan, b"nan"),
            (1.7976931348623157e308, b"1.7976931348623157e+308"),
        ),
    ],
)
def test_format_float(value: float, text: bytes) -> None:
    """A double prints as a score does."""
    assert numbers.format_float(value) == text


def test_format_float_is_not_always_shortest() -> None:
    """The reference's method sometimes misses the shortest text, and so do we."""
    assert numbers.format_float(1.2345e21) == b"1234499999999999900000"


@given(st.binary(min_size=8, max_size=8))
def test_format_float_round_trip(data: bytes) -> None:
    """Every finite double reads back as itself."""
    (value,) = struct.unpack("<d", data)
    if math.isfinite(value):
        assert numbers.parse_float(numbers.format_float(value)) == value


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *((b"0", 0), (b"", 0), (b"01", 1), (b"100", 100), (b"100b", 100), (b"1B", 1), (b"1k", 1000), (b"1kb", 1024)),
        *((b"1KB", 1024), (b"2m", 2_000_000), (b"2mb", 2 << 20), (b"1g", 10**9), (b"1GB", 1 << 30)),
        *((b"18446744073709551615", 2**64 - 1), (b"18446744073709551616", None), (b"-1", None), (b"+1", None)),
        *((b"1.5k", None), (b"1kk", None), (b"1tb", None), (b"1 k", None), (b"1mb ", None), (b"abc", None)),
    ],
)
def test_memory(text: bytes, size: int | None) -> None:
    """Memory sizes are read with the reference's units."""
    assert numbers.parse_memory(text) == size


@pytest.mark.parametrize(("text", "value"), [(b"yes", True), (b"YES", True), (b"No", False), (b"1", None), (b"", None)])
def test_yes_no(text: bytes, value: bool | None) -> None:
    """Switches are read in any case."""
    assert numbers.parse_yes_no(text) is value
