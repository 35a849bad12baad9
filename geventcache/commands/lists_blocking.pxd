from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.lists cimport List

cdef move(Client ctx, bytes source, bytes destination, bint from_left, bint to_left)
