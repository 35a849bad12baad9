# cython: boundscheck=False, wraparound=False, cdivision=True
"""What elements would take in a listpack, the reference's array of small elements.

Nothing is stored that way here, but the names of encodings hang on these sizes. An entry is an encoding byte or more,
the payload, and its own length again for walking backwards; text that is exactly the decimal of a 64-bit integer is
kept as an integer.
"""

import cython

from geventcache.base.native import scan_integer

HEADER_BYTES = 7
LONGEST_INTEGER = 20


def width_of(magnitude: cython.ulonglong, is_negative: cython.bint) -> cython.int:
    """Bytes of an integer's encoding and payload, given its absolute value and its sign."""
    reach = magnitude - 1 if is_negative else magnitude
    if reach <= 127 and not is_negative:
        return 1
    if reach <= 0xFFF:
        return 2
    if reach <= 0x7FFF:
        return 3
    if reach <= 0x7FFFFF:
        return 4
    if reach <= 0x7FFFFFFF:
        return 5
    return 9


def integer_width(text: bytes) -> cython.int:
    """Bytes that `text` takes as an integer; 0 when it is not the canonical decimal of a signed 64-bit integer."""
    number: cython.longlong
    is_integer: cython.bint
    number, is_integer = scan_integer(text)
    if not is_integer:
        return 0
    if number >= 0:
        return width_of(number, False)
    below: cython.ulonglong = -(number + 1)  # the lowest integer has no positive twin
    return width_of(below + 1, True)


def entry_size(text: bytes) -> cython.Py_ssize_t:
    """Bytes that `text` takes as an entry of a listpack."""
    n: cython.Py_ssize_t = len(text)
    if 0 < n <= LONGEST_INTEGER and text[n - 1] <= 57:  # most text does not end in a digit
        width: cython.Py_ssize_t = integer_width(text)
        if width != 0:
            return width + 1
    n += 1 if n < 64 else 2 if n < 4096 else 5
    return n + (1 if n <= 127 else 2 if n < 16383 else 3 if n < 2097151 else 4 if n < 268435455 else 5)
