from geventcache.services.pubsub cimport PubSub, Route
from geventcache.store.changes cimport Listener
from geventcache.store.keyspace cimport Keyspace

cdef class Notifications(Listener):
    cdef readonly object changes
    cdef readonly PubSub pubsub
    cdef readonly frozenset events
    cdef readonly bint is_by_key, is_by_event
    cdef readonly dict routes
    cpdef follow(self, letters)
    cpdef changed(self, keyspace, bytes key, bytes event)
    cdef Route route(self, index, bytes event)
    cpdef missed(self, keyspace, bytes key)
