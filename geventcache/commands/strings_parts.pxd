from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace, as_string

cdef length_of(v)
cdef part(Client ctx, bytes key, bytes start, bytes end)
