"""Deadlines as commands are given them: EX, PX, EXAT, PXAT."""

import cython

from geventcache.base.errors import NOT_INTEGER, CommandError, invalid_expire
from geventcache.base.numbers import scan_integer
from geventcache.base.times import NEVER_MS

MAX_MS = 9223372036854775807
NEVER = NEVER_MS


def parse_expiration(unit, amount, now_ms, name):
    """The deadline that an option and its amount mean, in milliseconds since the epoch; -1 if `unit` is no such option.

    Args:
        unit: EX (seconds from now), PX (milliseconds from now), EXAT, PXAT (since the epoch), in any case.
        amount: a decimal.
        now_ms: the time.
        name: the command, for the error text.

    Raises:
        CommandError: the amount is not an integer, not positive or too large.
    """
    word: bytes = unit
    if word not in UNITS:
        word = word.upper()
        if word not in UNITS:
            return -1
    n: cython.longlong
    is_integer: cython.bint
    n, is_integer = scan_integer(amount)
    if not is_integer:
        raise CommandError(NOT_INTEGER)
    return deadline_of(n, word[0] == 69, len(word) == 2, now_ms, name)


def deadline_of(n, is_seconds, is_relative, now_ms, name):
    """A deadline in milliseconds since the epoch, from a positive amount.

    Raises:
        CommandError: the amount is not positive or too large.
    """
    if n <= 0 or (is_seconds and n > MAX_MS // 1000):
        raise CommandError(invalid_expire(name))
    if is_seconds:
        n *= 1000
    if is_relative:
        if n > MAX_MS - now_ms:
            raise CommandError(invalid_expire(name))
        n += now_ms
    return n if n < NEVER else NEVER - 1


UNITS = frozenset((b"EX", b"PX", b"EXAT", b"PXAT"))
