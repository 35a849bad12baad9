from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace

cdef increment(Client ctx, bytes key, long long by, bytes event)
