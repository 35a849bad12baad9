cimport cython
from geventcache.base.c_api cimport PyObject

@cython.final
cdef class LargeElement:
    cdef PyObject *value
    cdef Py_ssize_t size
    cdef readonly Py_ssize_t length, filled, passed
    cdef put(self, const unsigned char *p, Py_ssize_t start, Py_ssize_t count)
    cdef grow(self, Py_ssize_t needed)
    cdef Py_ssize_t room(self) except -1
    cdef char *target(self) noexcept
    cdef void advance(self, Py_ssize_t count) noexcept
    cdef bytes take(self)
