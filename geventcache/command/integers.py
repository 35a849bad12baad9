"""Integer arguments: signed, 64 bits (32 where the reference has an `int`), in canonical decimal."""

import cython

from geventcache.base.errors import NOT_INT32, NOT_INTEGER, CommandError
from geventcache.base.native import scan_integer

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def integer(text: bytes) -> cython.longlong:
    """The integer that an argument is.

    Raises:
        CommandError: it is none.
    """
    number: cython.longlong
    is_integer: cython.bint
    number, is_integer = scan_integer(text)
    if not is_integer:
        raise CommandError(NOT_INTEGER)
    return number


def small_integer(text: bytes) -> cython.longlong:
    """The integer of 32 bits that an argument is.

    Raises:
        CommandError: it is none.
    """
    number: cython.longlong = integer(text)
    if not INT32_MIN <= number <= INT32_MAX:
        raise CommandError(NOT_INT32)
    return number


def at_least(text: bytes, least: cython.longlong, error: bytes) -> cython.longlong:
    """The integer that an argument is.

    Raises:
        CommandError: with the text `error`; it is none, or less than `least`.
    """
    number: cython.longlong
    is_integer: cython.bint
    number, is_integer = scan_integer(text)
    if not is_integer or number < least:
        raise CommandError(error)
    return number
