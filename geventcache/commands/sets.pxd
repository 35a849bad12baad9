from geventcache.command.integers cimport at_least
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sets cimport Set

cdef pop_counted(Client ctx, bytes key, tuple count)
cdef draw(Client ctx, bytes key, tuple count)
