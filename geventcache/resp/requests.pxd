cimport cython

cpdef Py_ssize_t size_of(list request) except -1
cpdef append_request(bytearray data, list request)
cpdef bytes encode_message(bytes mark, bytes head, bytes text)

@cython.final
cdef class RequestBuffer:
    cdef bytearray data
    cdef list pieces
    cdef Py_ssize_t used
    cdef readonly Py_ssize_t size
    cdef append(self, list request)
    cdef append_large(self, list request)
    cdef append_text(self, bytes text)
    cdef append_piece(self, bytes piece)
    cdef make_room(self, Py_ssize_t more)
    cdef close_data(self)
    cdef cut(self, Py_ssize_t size)
    cdef list take(self)
