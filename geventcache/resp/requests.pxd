cimport cython

cpdef Py_ssize_t size_of(list request) except -1
cpdef append_request(bytearray data, list request)

@cython.final
cdef class RequestBuffer:
    cdef bytearray data
    cdef readonly Py_ssize_t size
    cdef append(self, list request)
    cdef append_text(self, bytes text)
    cdef void cut(self, Py_ssize_t size) noexcept
    cdef bytearray take(self)
