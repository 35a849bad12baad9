cimport cython

cdef Py_ssize_t LONGEST_INTEGER, SHORTEST_COMPRESSED, LONGEST_COMPRESSED, LEAST_SAVED

@cython.final
cdef class Output:
    cdef readonly bytearray data
    cdef bint compresses
    cpdef bytes take(self)
    cpdef byte(self, unsigned int number)
    cpdef raw(self, bytes data)
    cpdef length(self, unsigned long long number)
    cpdef string(self, bytes text)
    cdef bint integer(self, bytes text) except -1
    cdef bint compressed(self, bytes text) except -1
