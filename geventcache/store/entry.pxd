cimport cython

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(object)

@cython.final
cdef class Entry:
    cdef public object value
    cdef public long long deadline_ms
    cdef public long long filed_ms
    cdef public bint has_volatile_elements
