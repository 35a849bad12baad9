"""Deadlines as commands are given them: EX, PX, EXAT, PXAT, and the conditions NX, XX, GT, LT of the EXPIRE family."""

import cython

from geventcache.base.errors import (
    EXPIRE_GT_LT_CONFLICT,
    EXPIRE_NX_CONFLICT,
    NOT_INTEGER,
    CommandError,
    invalid_expire,
    unsupported_option,
)
from geventcache.base.native import scan_integer
from geventcache.base.times import NEVER_MS

MAX_MS = 9223372036854775807
NEVER = NEVER_MS
NO_UNIT, EX, PX, EXAT, PXAT = range(5)
NX, XX, GT, LT = 1, 2, 4, 8
CONDITIONS = {b"NX": NX, b"XX": XX, b"GT": GT, b"LT": LT}


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
    return deadline_of(n, kind in (EX, EXAT), kind in (EX, PX), now_ms, name)


def unit_of(word):
    """Which option a word is: EX, PX, EXAT, PXAT or NO_UNIT.

    By its letters, since this is on the path of every SET with a deadline.
    """
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


def any_deadline_of(n, is_seconds, base_ms, name):
    """A deadline in milliseconds since the epoch, which may be over, from an amount of any sign.

    Args:
        base_ms: what the amount is counted from: the time, or 0.

    Raises:
        CommandError: the amount is too large, or too small.
    """
    if is_seconds:
        if n > MAX_MS // 1000 or n < -(MAX_MS // 1000):
            raise CommandError(invalid_expire(name))
        n *= 1000
    if n > MAX_MS - base_ms:
        raise CommandError(invalid_expire(name))
    n += base_ms
    return n if n < NEVER else NEVER - 1


def parse_condition(words):
    """The conditions that the words mean, as a number for `is_met`.

    Raises:
        CommandError: a word is none, or they exclude each other.
    """
    condition: cython.int = 0
    for word in words:
        bit = CONDITIONS.get(word.upper())
        if bit is None:
            raise CommandError(unsupported_option(word))
        condition |= bit
    if condition & NX and condition != NX:
        raise CommandError(EXPIRE_NX_CONFLICT)
    if condition & GT and condition & LT:
        raise CommandError(EXPIRE_GT_LT_CONFLICT)
    return condition


def is_met(condition, current_ms, deadline_ms):
    """Tell whether `deadline_ms` may take the place of the deadline `current_ms` (NEVER_MS for none)."""
    if condition & NX and current_ms != NEVER:
        return False
    if condition & XX and current_ms == NEVER:
        return False
    if condition & GT and deadline_ms <= current_ms:
        return False
    return not (condition & LT and deadline_ms >= current_ms)


def rounded_seconds(ms):
    """The number of seconds that is nearest to a time of `ms` milliseconds."""
    return (ms + 500) // 1000 if ms <= NEVER - 500 else ms // 1000
