"""Counters: integers of 64 bits, to which is added only what leaves them that."""

import cython

from geventcache.base.errors import OVERFLOW, CommandError

INT64_MAX = 9223372036854775807
INT64_MIN = -9223372036854775808


def added(number: cython.longlong, by: cython.longlong) -> cython.longlong:
    """The sum of two integers.

    Raises:
        CommandError: it would not fit into 64 bits.
    """
    if (by > 0 and number > INT64_MAX - by) or (by < 0 and number < INT64_MIN - by):
        raise CommandError(OVERFLOW)
    return number + by
