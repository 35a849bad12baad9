# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Requests as bytes, compiled: what requests.py says, with room for more at the end of what there is."""

from geventcache.base.c_api cimport PyByteArray_AS_STRING, PyByteArray_Resize, PyBytes_AS_STRING, memcpy

cdef enum:
    START_BYTES = 4096


cpdef Py_ssize_t size_of(list request) except -1:
    """How many bytes a request takes."""
    cdef Py_ssize_t size = 3 + digits_of(len(request))
    cdef bytes text
    for text in request:
        size += 5 + digits_of(len(text)) + len(text)
    return size


cdef inline Py_ssize_t digits_of(Py_ssize_t number) noexcept:
    """How many digits a number has."""
    cdef Py_ssize_t count = 1
    while number >= 10:
        number //= 10
        count += 1
    return count


cdef char *write_request(char *p, list request) except NULL:
    """Write a request at `p`; return what comes behind."""
    cdef bytes text
    cdef Py_ssize_t size
    p = write_header(p, 42, len(request))
    for text in request:
        size = len(text)
        p = write_header(p, 36, size)
        memcpy(p, PyBytes_AS_STRING(text), size)
        p[size] = 13
        p[size + 1] = 10
        p += size + 2
    return p


cdef inline char *write_header(char *p, char mark, Py_ssize_t number) noexcept:
    """Write a mark, a number and the end of a line at `p`; return what comes behind."""
    cdef Py_ssize_t digits = digits_of(number)
    cdef Py_ssize_t i
    p[0] = mark
    for i in range(digits, 0, -1):
        p[i] = 48 + number % 10
        number //= 10
    p[digits + 1] = 13
    p[digits + 2] = 10
    return p + digits + 3


cpdef append_request(bytearray data, list request):
    """Append a request to bytes."""
    cdef Py_ssize_t start = len(data)
    PyByteArray_Resize(data, start + size_of(request))
    write_request(PyByteArray_AS_STRING(data) + start, request)


cdef class RequestBuffer:
    """Requests one after the other.

    Attributes:
        size: how many bytes of `data` they take.
    """

    def __init__(self):
        self.data = bytearray()

    cdef append(self, list request):
        """Append a request."""
        cdef Py_ssize_t size = self.size + size_of(request)
        if size > len(self.data):
            PyByteArray_Resize(self.data, max(2 * size, START_BYTES))
        write_request(PyByteArray_AS_STRING(self.data) + self.size, request)
        self.size = size

    cdef append_text(self, bytes text):
        """Append bytes that are no request."""
        PyByteArray_Resize(self.data, self.size)
        self.data.extend(text)
        self.size += len(text)

    cdef void cut(self, Py_ssize_t size) noexcept:
        """Forget all but the first bytes."""
        self.size = size

    cdef bytearray take(self):
        """Give out what there is; nothing is left."""
        cdef bytearray taken = self.data
        self.data = bytearray()
        PyByteArray_Resize(taken, self.size)
        self.size = 0
        return taken
