# cython: language_level=3, boundscheck=False, wraparound=False
"""The slot of a key, compiled: a call of crc_hqx and a copy of the hash tag would cost more than the checksum."""

from geventcache.base.c_api cimport PyBytes_AS_STRING

from binascii import crc_hqx

SLOTS = 16384

cdef unsigned short[256] TABLE
for byte in range(256):
    TABLE[byte] = crc_hqx(bytes((byte,)), 0)


cdef (Py_ssize_t, Py_ssize_t) bounds(const unsigned char *p, Py_ssize_t end) noexcept:
    """Where the hash tag of a key of so many bytes begins and ends; the key itself if it has none."""
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t closing
    while start < end and p[start] != c"{":
        start += 1
    closing = start + 1
    while closing < end and p[closing] != c"}":
        closing += 1
    if closing < end and closing > start + 1:
        return start + 1, closing
    return 0, end


cpdef int slot_of(bytes key) except -1:
    """The slot of a key."""
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(key)
    cdef unsigned int crc = 0
    cdef Py_ssize_t at, end
    at, end = bounds(p, len(key))
    while at < end:
        crc = (crc << 8 & 0xFF00) ^ TABLE[crc >> 8 ^ p[at]]
        at += 1
    return crc & 16383


cpdef bytes hashed_part(bytes key):
    """The hash tag of a key, the whole key if it has none."""
    cdef Py_ssize_t start, end
    start, end = bounds(<const unsigned char *>PyBytes_AS_STRING(key), len(key))
    return key[start:end]
