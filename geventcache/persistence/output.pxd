cimport cython
from geventcache.base.numbers cimport parse_integer

cdef Py_ssize_t LONGEST_INTEGER, SHORTEST_COMPRESSED, LONGEST_COMPRESSED, LEAST_SAVED, LARGE

@cython.final
cdef class Output:
    cdef readonly bytearray data
    cdef list pieces
    cdef Py_ssize_t cut_size
    cdef readonly bint compresses
    cpdef bytes take(self)
    cpdef list take_pieces(self)
    cpdef move(self, Output other)
    cpdef cut(self)
    cdef put(self, bytes text)
    cdef add_piece(self, bytes piece)
    cpdef byte(self, unsigned int number)
    cpdef raw(self, bytes data)
    cpdef length(self, unsigned long long number)
    cpdef string(self, bytes text)
    cdef bint integer(self, bytes text) except -1
    cdef bint compressed(self, bytes text) except -1
