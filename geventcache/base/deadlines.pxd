cimport cython
from geventcache.base.table cimport Table, Tickets

cdef long long NEAR_MS, MIDDLE_MS, FAR_AWAY
cdef int MIDDLE_SHIFT, FAR_SHIFT
cdef Py_ssize_t TICKET_BYTES, BUCKET_BYTES

@cython.final
cdef class Deadlines:
    cdef public object keyspace
    cdef public dict buckets
    cdef public list heap
    cdef public long long next_ms
    cdef long long last_ms
    cdef Tickets last_bucket
    cdef public Py_ssize_t tickets
    cdef public Py_ssize_t stale
    cdef public object on_earlier
    cpdef long long file(self, Table table, long long due_ms, long long now_ms) except? 0
    cdef Tickets bucket(self, long long time_ms)
    cpdef Tickets first_due(self, long long now_ms)
    cdef drop_first(self)
    cdef release_last(self, Tickets tickets, Py_ssize_t count)
    cpdef give_back(self, long long time_ms, Tickets tickets)
    cpdef Deadlines copy(self)
    cpdef pop_due(self, long long now_ms)
    cpdef Py_ssize_t memory_usage(self)
    cpdef bint overdue(self)
