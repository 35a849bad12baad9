from geventcache.persistence.cursor cimport Cursor
from geventcache.types.limits cimport EncodingLimits

cdef class SnapshotReader:
    cdef readonly Cursor cursor
    cdef EncodingLimits limits
    cdef readonly bint takes_any_version
    cdef public bint checks
    cdef public object on_function, read
    cdef readonly dict facts
    cdef readonly object version
    cdef object database, deadline_ms
    cdef readonly object idle_s, frequency
    cdef readonly Py_ssize_t empty
    cdef read_other(self, int kind)
    cdef pass_over(self, int kind)
