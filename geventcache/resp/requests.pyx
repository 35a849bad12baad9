# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Requests and messages as bytes, compiled: what requests.py says, with room for more at the end of what there is."""

from geventcache.base.c_api cimport (
    PyByteArray_AS_STRING,
    PyByteArray_Resize,
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
    memcpy,
)

cdef enum:
    START_BYTES = 4096
    LARGE_BYTES = 64 * 1024  # a text of as many is not copied


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
    p = write_header(p, 42, len(request))
    for text in request:
        p = write_text(p, text)
    return p


cdef inline char *write_text(char *p, bytes text) noexcept:
    """Write a bulk string at `p`; return what comes behind."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    p = write_header(p, 36, size)
    memcpy(p, PyBytes_AS_STRING(text), size)
    p[size] = 13
    p[size + 1] = 10
    return p + size + 2


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


cpdef bytes encode_message(bytes mark, bytes head, bytes text):
    """A message by its first byte, what it begins with, encoded, and its last text: one allocation."""
    cdef Py_ssize_t begin = len(head), size = len(text)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 1 + begin + 5 + digits_of(size) + size)
    cdef char *p = PyBytes_AS_STRING(made)
    p[0] = PyBytes_AS_STRING(mark)[0]
    memcpy(p + 1, PyBytes_AS_STRING(head), begin)
    write_text(p + 1 + begin, text)
    return made


cdef class RequestBuffer:
    """Requests one after the other.

    Attributes:
        size: how many bytes there are: `used` of `data`, and those of the pieces before.
    """

    def __init__(self):
        self.data = bytearray()
        self.pieces = []

    cdef append(self, list request):
        """Append a request."""
        cdef Py_ssize_t more = size_of(request)
        if more >= LARGE_BYTES:
            self.append_large(request)
            return
        self.make_room(more)
        write_request(PyByteArray_AS_STRING(self.data) + self.used, request)
        self.used += more
        self.size += more

    cdef append_large(self, list request):
        """Append a request, large texts of it as pieces."""
        cdef bytes text
        between = bytearray(b"*%d\r\n" % len(request))
        for text in request:
            between += b"$%d\r\n" % len(text)
            if len(text) >= LARGE_BYTES:
                self.append_text(bytes(between))
                self.append_piece(text)
                between.clear()
            else:
                between += text
            between += b"\r\n"
        self.append_text(bytes(between))

    cdef append_text(self, bytes text):
        """Append bytes that are no request."""
        cdef Py_ssize_t more = len(text)
        self.make_room(more)
        memcpy(PyByteArray_AS_STRING(self.data) + self.used, PyBytes_AS_STRING(text), more)
        self.used += more
        self.size += more

    cdef append_piece(self, bytes piece):
        """Append bytes without a copy of them."""
        self.close_data()
        self.pieces.append(piece)
        self.size += len(piece)

    cdef make_room(self, Py_ssize_t more):
        """See to it that `data` has room for more bytes."""
        if self.used + more > len(self.data):
            PyByteArray_Resize(self.data, max(2 * (self.used + more), START_BYTES))

    cdef close_data(self):
        """What is in `data` becomes a piece."""
        if self.used:
            fresh = bytearray()
            PyByteArray_Resize(self.data, self.used)
            self.pieces.append(self.data)
            self.data = fresh
            self.used = 0

    cdef cut(self, Py_ssize_t size):
        """Forget all but the first bytes."""
        cdef Py_ssize_t before = self.size - self.used
        while before > size:
            piece = self.pieces.pop()
            before -= len(piece)
            if type(piece) is bytearray:
                self.data = piece
        self.used = size - before
        self.size = size

    cdef list take(self):
        """Give out what there is, in pieces; nothing is left."""
        self.close_data()
        taken = self.pieces
        self.pieces = []
        self.size = 0
        return taken
