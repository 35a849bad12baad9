"""How long a blocking command waits, as it is given: seconds with a fraction, or milliseconds; 0 waits for ever."""

from __future__ import annotations

from geventcache.base.errors import (
    TIMEOUT_NEGATIVE,
    TIMEOUT_NOT_FLOAT,
    TIMEOUT_NOT_INTEGER,
    TIMEOUT_OUT_OF_RANGE,
    CommandError,
)
from geventcache.base.long_double import parse_long_double
from geventcache.base.numbers import parse_integer

MAX_MS = 9223372036854775807


def parse_timeout(text: bytes, now_ms: int) -> int:
    """The milliseconds that a number of seconds means, rounded up.

    Args:
        text: an integer or a floating-point number.
        now_ms: the time, in milliseconds since the epoch; the end of the wait must be a time, too.

    Raises:
        CommandError: it is no number, negative or too large.
    """
    seconds = parse_integer(text)
    if seconds is not None:
        return check_timeout(seconds * 1000, now_ms)
    number = parse_long_double(text)
    if number is None:
        raise CommandError(TIMEOUT_NOT_FLOAT)
    milliseconds = number.times(1000)
    if not milliseconds.is_finite:
        raise CommandError(TIMEOUT_NEGATIVE if text.startswith(b"-") else TIMEOUT_OUT_OF_RANGE)
    return check_timeout(milliseconds.ceiling(), now_ms)


def parse_timeout_ms(text: bytes, now_ms: int) -> int:
    """A number of milliseconds.

    Raises:
        CommandError: it is no integer, negative or too large.
    """
    timeout_ms = parse_integer(text)
    if timeout_ms is None:
        raise CommandError(TIMEOUT_NOT_INTEGER)
    return check_timeout(timeout_ms, now_ms)


def check_timeout(timeout_ms: int, now_ms: int) -> int:
    """`timeout_ms` itself.

    Raises:
        CommandError: it is negative, or ends when no clock can tell.
    """
    if timeout_ms < 0:
        raise CommandError(TIMEOUT_NEGATIVE)
    if timeout_ms > MAX_MS - now_ms:
        raise CommandError(TIMEOUT_OUT_OF_RANGE)
    return timeout_ms
