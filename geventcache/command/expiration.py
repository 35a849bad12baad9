"""Deadlines as commands are given them: EX, PX, EXAT, PXAT."""

import cython

from geventcache.base.errors import NOT_INTEGER, CommandError, invalid_expire
from geventcache.base.numbers import scan_integer
from geventcache.base.times import NEVER_MS

MAX_MS = 9223372036854775807
NEVER = NEVER_MS
NO_UNIT, EX, PX, EXAT, PXAT = range(5)


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
    kind: cython.int = unit_of(unit)
    if kind == NO_UNIT:
        return -1
    n: cython.longlong
    is_integer: cython.bint
    n, is_integer = scan_integer(amount)
    if not is_integer:
        raise CommandError(NOT_INTEGER)
    return deadline_of(n, kind == EX or kind == EXAT, kind == EX or kind == PX, now_ms, name)


def unit_of(word):
    """Which option a word is: EX, PX, EXAT, PXAT or NO_UNIT. By its letters, since this is on the path of every SET with a deadline."""
    n: cython.Py_ssize_t = len(word)
    if (n != 2 and n != 4) or (word[1] & 0xDF) != 88:
        return NO_UNIT
    first: cython.int = word[0] & 0xDF
    if first != 69 and first != 80:
        return NO_UNIT
    if n == 2:
        return EX if first == 69 else PX
    if (word[2] & 0xDF) != 65 or (word[3] & 0xDF) != 84:
        return NO_UNIT
    return EXAT if first == 69 else PXAT


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

