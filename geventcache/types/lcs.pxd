cimport cython

@cython.final
cdef class CommonSubsequence:
    cdef bytes first
    cdef bytes second
    cdef Py_ssize_t width
    cdef object cells
    cdef readonly Py_ssize_t length
    cdef fill(self)
