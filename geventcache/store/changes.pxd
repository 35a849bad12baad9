cimport cython

cdef class Listener:
    cpdef changed(self, keyspace, bytes key, bytes event)
    cpdef missed(self, keyspace, bytes key)
    cpdef flushed(self, keyspace)
    cpdef swapped(self, one, other)

@cython.final
cdef class Changes:
    cdef readonly tuple listeners
    cdef readonly dict ranks
    cdef public object on_observed
    cpdef announce(self, keyspace, bytes key, bytes event)
    cpdef missed(self, keyspace, bytes key)
    cpdef flushed(self, keyspace)
    cpdef swapped(self, one, other)
