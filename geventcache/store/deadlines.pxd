cimport cython
from geventcache.store.entry cimport Entry

cdef long long NEAR_MS, MIDDLE_MS, FAR_AWAY
cdef int MIDDLE_SHIFT, FAR_SHIFT

@cython.final
cdef class Deadlines:
    cdef public object keyspace
    cdef public dict buckets
    cdef public list heap
    cdef public long long next_ms
    cdef long long last_ms
    cdef list last_bucket
    cdef public Py_ssize_t tickets
    cdef public Py_ssize_t stale
    cdef public object on_earlier
    cpdef file(self, bytes key, Entry entry, long long due_ms, long long now_ms)
    cpdef pop_due(self, long long now_ms)
