cimport cython
from geventcache.store.entry cimport Entry
from geventcache.types.container cimport Container
from geventcache.types.footprint cimport bytes_size

cdef Py_ssize_t SHARDS, SMALL, WEIGHED_EVERY, ROUGHLY, SOONEST_GLANCE, LATEST_GLANCE, GLANCED_SHARE
cdef long long SLOT_BYTES, BOX_BYTES, TICKET_BYTES, STALE_KEY_BYTES, BUCKET_BYTES

@cython.final
cdef class Account:
    cdef readonly object keyspace
    cdef readonly Account total
    cdef object on_exceeded
    cdef public long long used, overhead, limit
    cdef public Py_ssize_t covered, until_glance
    cdef public bint is_exceeded
    cdef public dict buffers
    cpdef add(self, long long size)
    cpdef arrive(self, bytes key, value)
    cpdef leave(self, bytes key, value)
    cpdef exchange(self, bytes key, old, value)
    cpdef follow(self, bytes key, value, bint is_whole=*)
    cdef long long weigh(self, bytes key, value) except *
    cdef long long forget(self, bytes key, value) except *
    cdef count(self)
    cpdef glance(self)
    cpdef bint cover(self) except -1
    cpdef clear(self)
    cpdef swap(self, Account other)

cdef long long reweigh(Container container, bint is_whole) except *
cpdef long long string_size(value) except *
