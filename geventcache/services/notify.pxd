cimport cython
from geventcache.services.pubsub cimport PubSub, Route
from geventcache.store.keyspace cimport Keyspace

@cython.final
cdef class Notifications:
    cdef readonly object changes
    cdef readonly PubSub pubsub
    cdef readonly frozenset events
    cdef readonly bint is_by_key, is_by_event
    cdef readonly dict routes
    cpdef follow(self, letters)
    cpdef changed(self, Keyspace keyspace, bytes key, bytes event)
    cdef Route route(self, index, bytes event)
    cpdef missed(self, Keyspace keyspace, bytes key)
