cimport cython
from geventcache.resp.requests cimport encode_message
from geventcache.services.clients cimport Client

cpdef bytes bulk(bytes text)
cdef Py_ssize_t deliver(list ways, bytes message) except -1

@cython.final
cdef class Topic:
    cdef readonly bytes head
    cdef readonly object matches
    cdef readonly dict clients
    cpdef Py_ssize_t send(self, bytes head, bytes text) except -1

@cython.final
cdef class Names:
    cdef readonly str attribute
    cdef readonly tuple counted
    cdef readonly bytes prefix
    cdef readonly bint is_pattern
    cdef readonly dict topics
    cdef readonly long long revision
    cpdef list of(self, client)
    cpdef count(self, client)
    cpdef subscribe(self, client, bytes name)
    cdef Topic new_topic(self, bytes name)
    cpdef unsubscribe(self, client, bytes name)
    cpdef forget(self, client)
    cpdef subscribers(self, bytes name)
    cpdef list matching(self, pattern)

@cython.final
cdef class PubSub:
    cdef readonly Names channels, patterns, shard_channels
    cpdef publish(self, bytes channel, bytes message)
    cpdef publish_to_shard(self, bytes channel, bytes message)
    cpdef list ways(self, bytes channel)
    cpdef forget(self, Client client)

@cython.final
cdef class Route:
    cdef readonly PubSub pubsub
    cdef readonly bytes channel
    cdef readonly list ways
    cdef long long revision
    cpdef send(self, bytes message)
