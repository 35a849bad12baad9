cimport cython
from cpython.array cimport array
from geventcache.base cimport native
from geventcache.types cimport listpack, offsets
from geventcache.types.stream_ids cimport make_id

cdef Py_ssize_t SMALL
cdef int SEQ_BITS
cdef unsigned long long MAX_HALF
cdef array EMPTY_STARTS

cdef Py_ssize_t integer_size(Py_ssize_t value) noexcept
cdef Py_ssize_t difference_size(unsigned long long value, unsigned long long base) noexcept
cdef pack_number(bytearray data, unsigned long long number)
cdef pack_text(bytearray data, bytes text)

@cython.final
cdef class Node:
    cdef unsigned long long base_ms, base_seq, tail_ms, tail_seq
    cdef bytearray data
    cdef array starts
    cdef readonly tuple names
    cdef readonly Py_ssize_t deleted, body
    cdef Py_ssize_t cursor
    cdef bint is_shared
    cdef bint has_room(self, Py_ssize_t size, Py_ssize_t max_bytes, Py_ssize_t max_entries) except -1
    cpdef append(self, unsigned long long ms, unsigned long long seq, tuple fields)
    cdef bint has_names(self, tuple fields) except -1
    cdef unsigned long long number(self) noexcept
    cdef bytes text(self)
    cpdef (unsigned long long, unsigned long long) read_id(self, Py_ssize_t at) noexcept
    cpdef tuple read_fields(self)
    cdef tuple fields_at(self, Py_ssize_t at)
    cdef Py_ssize_t position(self, unsigned long long ms, unsigned long long seq, bint after) except -1
    cpdef drop(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef Node copy(self)
