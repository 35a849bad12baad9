"""Timeouts are read as the reference reads them."""

from __future__ import annotations

import pytest

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.timeouts import parse_timeout, parse_timeout_ms

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "timeout_ms"),
    [
        *((b"0", 0), (b"5", 5000), (b"0.001", 1), (b"0.0001", 1), (b"1.5", 1500), (b"0.14", 140), (b"2.007", 2007)),
        *((b"-0", 0), (b"-0.0001", 0), (b"0x10", 16_000), (b"1e-30", 1), (b"9223370000000000", 9223370000000000000)),
    ],
)
def test_seconds(text: bytes, timeout_ms: int) -> None:
    """Seconds are rounded up to milliseconds."""
    assert parse_timeout(text, NOW_MS) == timeout_ms


@pytest.mark.parametrize(
    ("text", "error"),
    [
        *((b"x", errors.TIMEOUT_NOT_FLOAT), (b"", errors.TIMEOUT_NOT_FLOAT), (b"nan", errors.TIMEOUT_NOT_FLOAT)),
        *((b"-1", errors.TIMEOUT_NEGATIVE), (b"-0.1", errors.TIMEOUT_NEGATIVE), (b"-inf", errors.TIMEOUT_NEGATIVE)),
        *((b"inf", errors.TIMEOUT_OUT_OF_RANGE), (b"1e4932", errors.TIMEOUT_OUT_OF_RANGE)),
        (b"9223372036854775.807", errors.TIMEOUT_OUT_OF_RANGE),
    ],
)
def test_wrong_seconds(text: bytes, error: bytes) -> None:
    """What is no time to wait is refused, each kind with its error."""
    with pytest.raises(CommandError) as raised:
        parse_timeout(text, NOW_MS)
    assert raised.value.text == error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"1.5", errors.TIMEOUT_NOT_INTEGER),
        (b"-1", errors.TIMEOUT_NEGATIVE),
        (b"9223372036854775807", errors.TIMEOUT_OUT_OF_RANGE),
    ],
)
def test_wrong_milliseconds(text: bytes, error: bytes) -> None:
    """Milliseconds are integers that lead to a time that a clock can tell."""
    with pytest.raises(CommandError) as raised:
        parse_timeout_ms(text, NOW_MS)
    assert raised.value.text == error


def test_milliseconds() -> None:
    """Milliseconds are taken as they are."""
    assert parse_timeout_ms(b"250", NOW_MS) == 250
