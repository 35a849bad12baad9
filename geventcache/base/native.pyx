# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What C does in another way than Python: of native.py, what is not so short that it stands in ``native.pxd``."""

from geventcache.base.c_api cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, memcpy

cdef enum:
    EXACT_DIGITS = 15

cdef long long INT64_MAX = 9223372036854775807
cdef long long LOWEST_TENTH = -922337203685477580

# How many bits are set in words of 8 bytes: neighbours are added to counts of two, four and eight bits each.
cdef unsigned long long PAIRS = 0x5555555555555555
cdef unsigned long long FOURS = 0x3333333333333333
cdef unsigned long long BYTES = 0x0F0F0F0F0F0F0F0F
cdef unsigned long long EACH_BYTE = 0x0101010101010101


cpdef (long long, bint) scan_integer(bytes text) noexcept:
    """Return the canonical signed 64-bit integer in `text` and True, or 0 and False; no object is made."""
    if text is None:
        return 0, False
    cdef const char *characters = PyBytes_AS_STRING(text)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(text)
    cdef bint is_negative = length > 1 and characters[0] == 45
    cdef Py_ssize_t at = 1 if is_negative else 0
    cdef int digit
    cdef long long total = 0
    if length == 0 or length - at > 19:
        return 0, False
    digit = characters[at] - 48
    if digit == 0:
        return 0, length == 1
    # Counted downwards: the lowest integer has no positive twin.
    while at < length:
        digit = characters[at] - 48
        if digit < 0 or digit > 9:
            return 0, False
        if total < LOWEST_TENTH or (total == LOWEST_TENTH and digit > 8):
            return 0, False
        total = total * 10 - digit
        at += 1
    if is_negative:
        return total, True
    if total < -INT64_MAX:
        return 0, False
    return -total, True


cpdef (double, bint) scan_decimal(bytes text) noexcept:
    """Return the double of a short decimal and True, or 0.0 and False: then `text` may still be a number.

    A double holds any 15 digits and the powers of ten by which they are divided, so that the quotient is the nearest.
    """
    if text is None:
        return 0.0, False
    cdef const char *characters = PyBytes_AS_STRING(text)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(text)
    cdef bint is_negative = length > 0 and characters[0] == 45
    cdef Py_ssize_t at, point = -1
    cdef int digit
    cdef long long total = 0, divisor = 1
    cdef double number
    if length - is_negative > EXACT_DIGITS:
        return 0.0, False
    for at in range(is_negative, length):
        digit = characters[at] - 48
        if 0 <= digit <= 9:
            total = total * 10 + digit
            divisor *= 10 if point >= 0 else 1
        elif characters[at] == 46 and point < 0 and at > is_negative:
            point = at
        else:
            return 0.0, False
    if length == is_negative or point == length - 1:
        return 0.0, False
    number = <double>total / <double>divisor
    return -number if is_negative else number, True


cdef long long count_ones(data, Py_ssize_t start, Py_ssize_t stop) except -1:
    """How many bits of data[start:stop], bytes or a bytearray, are set."""
    cdef const char *p = PyBytes_AS_STRING(data) if type(data) is bytes else PyByteArray_AS_STRING(data)
    cdef unsigned long long word = 0
    cdef long long ones = 0
    cdef Py_ssize_t size = 8
    while start < stop:
        if stop - start < 8:
            size = stop - start
            word = 0
        memcpy(&word, p + start, size)
        word -= (word >> 1) & PAIRS
        word = (word & FOURS) + ((word >> 2) & FOURS)
        word = (word + (word >> 4)) & BYTES
        ones += (word * EACH_BYTE) >> 56
        start += 8
    return ones


cdef list histogram(bytearray data, Py_ssize_t kinds):
    """How many bytes have each value below `kinds`; none has another."""
    cdef Py_ssize_t[256] counts
    cdef const unsigned char *p = <const unsigned char *>PyByteArray_AS_STRING(data)
    cdef Py_ssize_t i
    for i in range(kinds):
        counts[i] = 0
    for i in range(len(data)):
        counts[p[i]] += 1
    return [counts[i] for i in range(kinds)]
