# cython: language_level=3, boundscheck=False, wraparound=False
"""An element of a request that is large, compiled: large.py says what it is for.

The invariant: `value` is this object's own reference to a byte string of `size` bytes, of which `filled` are written; it
is NULL once it was given out, or where there was no memory for more.
"""

from geventcache.base.c_api cimport (
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    Py_DECREF,
    Py_INCREF,
    Py_XDECREF,
    memcpy,
)

cdef extern from "Python.h":
    int resize_bytes "_PyBytes_Resize"(PyObject **, Py_ssize_t) except -1

cdef enum:
    FIRST_PIECE = 1024 * 1024


cdef class LargeElement:
    """A large element that is being received.

    Attributes:
        length: how many bytes were announced.
        filled: how many of them have come.
        passed: how many bytes of the end of its line have come.
    """

    def __cinit__(self, Py_ssize_t length):
        self.length = length
        self.size = min(length, FIRST_PIECE)
        value = PyBytes_FromStringAndSize(NULL, self.size)
        Py_INCREF(value)
        self.value = <PyObject *>value

    def __dealloc__(self):
        Py_XDECREF(self.value)

    cdef put(self, const unsigned char *p, Py_ssize_t start, Py_ssize_t count):
        """Add `count` bytes of `p`."""
        if self.filled + count > self.size:
            self.grow(self.filled + count)
        memcpy(self.target(), p + start, count)
        self.filled += count

    cdef grow(self, Py_ssize_t needed):
        """Double the room, up to the announced length: the kernel moves it without copying."""
        cdef Py_ssize_t size = min(max(self.size * 2, needed), self.length)
        resize_bytes(&self.value, size)
        self.size = size

    cdef Py_ssize_t room(self) except -1:
        """Bytes that may be received straight to `target`."""
        if self.filled == self.length:
            return 0
        if self.filled == self.size:
            self.grow(self.filled + 1)
        return self.size - self.filled

    cdef char *target(self) noexcept:
        """Where to receive to."""
        return PyBytes_AS_STRING(<object>self.value) + self.filled

    cdef void advance(self, Py_ssize_t count) noexcept:
        """`count` bytes were received to `target`."""
        self.filled += count

    cdef bytes take(self):
        """The element, which is complete."""
        value = <object>self.value
        Py_DECREF(value)
        self.value = NULL
        return value
