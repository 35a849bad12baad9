cimport cython

cdef class Listener:
    cpdef changed(self, keyspace, bytes key, bytes event)
    cpdef missed(self, keyspace, bytes key)
    cpdef flushed(self, keyspace)
    cpdef swapped(self, one, other)

@cython.final
cdef class Changes:
    cdef public long long dirty
    cdef public bint keeps_due
    cdef readonly tuple listeners
    cdef readonly dict ranks, held
    cdef public object on_observed
    cdef public object on_lost, on_losing
    cpdef announce(self, keyspace, bytes key, bytes event)
    cpdef notify(self, keyspace, bytes key, bytes event)
    cpdef lost(self, keyspace, bytes key, names, kept=*)
    cpdef missed(self, keyspace, bytes key)
    cpdef flushed(self, keyspace)
    cpdef swapped(self, one, other)
