cimport cython
from geventcache.base.deadlines cimport Deadlines
from geventcache.base.table cimport Table
from geventcache.types.container cimport Container
from geventcache.types.footprint cimport block_size, bytes_size

# What places.pxd needs of this file stands before what this one needs of that.
cdef class Account
cpdef long long object_size(value) except *

from geventcache.store.places cimport Places

cdef Py_ssize_t SMALL, WEIGHED_EVERY, ROUGHLY, COVERED_A_STEP, BYTEARRAY_BYTES, BYTEARRAY_BLOCK, NOTE_BYTES
cdef long long END
cdef int OBJECT

@cython.final
cdef class Account:
    cdef readonly Places keyspace
    cdef readonly Account total
    cdef object on_exceeded
    cdef public long long used, charged, limit, covered
    cdef public bint is_exceeded
    cdef public dict buffers
    cpdef add(self, long long size)
    cpdef sync(self)
    cdef bint covers(self, bytes key) except -1
    cpdef weight(self, bytes key, value)
    cpdef let_be(self, bytes key)
    cpdef exchange(self, bytes key, old, value, weight)
    cdef hold(self, bytes key, value, weight)
    cpdef release(self, bytes key, value)
    cpdef follow(self, bytes key, value, bint is_whole=*)
    cdef weigh(self, bytes key, value)
    cdef long long forget(self, bytes key, value) except *
    cpdef bint cover(self) except -1
    cpdef clear(self)
    cpdef begin_anew(self)
    cpdef swap(self, Account other)

cdef long long reweigh(Container container, bint is_whole) except *
