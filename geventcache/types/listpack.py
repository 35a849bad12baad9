# cython: boundscheck=False, wraparound=False, cdivision=True
"""What elements would take in a listpack, the reference's array of small elements.

Nothing is stored that way here, but the names of encodings hang on these sizes. An entry is an encoding byte or more,
the payload, and its own length again for walking backwards; text that is exactly the decimal of a 64-bit integer is
kept as an integer.
"""

import cython

HEADER_BYTES = 7
MAX_INTEGER_LENGTH = 20
MAX_POSITIVE = 2**63 - 1


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
    n: cython.Py_ssize_t = len(text)
    if n == 0 or n > MAX_INTEGER_LENGTH:
        return 0
    magnitude: cython.ulonglong = 0
    if cython.compiled:
        p: cython.p_char = PyBytes_AS_STRING(text)  # type: ignore[name-defined]  # noqa: F821
        i: cython.Py_ssize_t = 1 if p[0] == 45 else 0
        is_negative: cython.bint = i == 1
        if p[i] == 48:
            return 1 if n == 1 else 0
        if n == i or n - i > 19:
            return 0
        while i < n:
            if p[i] < 48 or p[i] > 57:
                return 0
            magnitude = magnitude * 10 + (p[i] - 48)
            i += 1
    else:
        is_negative = text[0] == 45
        digits = text[1:] if is_negative else text
        if not digits.isdigit() or (digits[0] == 48 and n > 1):
            return 0
        magnitude = int(digits)
    if magnitude > MAX_POSITIVE + is_negative:
        return 0
    return width_of(magnitude, is_negative)


def entry_size(text: bytes) -> cython.Py_ssize_t:
    """Bytes that `text` takes as an entry of a listpack."""
    n: cython.Py_ssize_t = integer_width(text)
    if n != 0:
        return n + 1
    n = len(text)
    n += 1 if n < 64 else 2 if n < 4096 else 5
    return n + (1 if n <= 127 else 2 if n < 16383 else 3 if n < 2097151 else 4 if n < 268435455 else 5)
