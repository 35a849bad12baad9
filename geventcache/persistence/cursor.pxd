cimport cython

from geventcache.base cimport native
from geventcache.base.numbers cimport format_integer

cdef unsigned long long LONGEST, LZF_RATIO
cdef Py_ssize_t LONGEST_LINE

@cython.final
cdef class Cursor:
    cdef bytes data
    cdef readonly Py_ssize_t at
    cdef Py_ssize_t end
    cdef object more, passed, passed_crc
    cpdef bint is_done(self) noexcept
    cdef refill(self, Py_ssize_t count)
    cpdef unsigned int byte(self) except? 65535
    cpdef bytes take(self, unsigned long long count)
    cpdef bytes line(self)
    cpdef bint has_more(self) except -1
    cpdef unsigned long long number(self, int size) except? 65535
    cpdef long long signed_number(self, int size) except? 65535
    cpdef double score(self) except? -1
    cpdef unsigned long long length(self) except? 65535
    cdef unsigned long long rest_of_length(self, unsigned int first) except? 65535
    cpdef bytes string(self)
    cdef bytes compressed(self)
