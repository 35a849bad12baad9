from geventcache.base.numbers cimport scan_integer
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace

cdef bits_of(v)
cdef tuple changeable(Keyspace db, bytes key)
cdef long long bit_offset(Client ctx, bytes text) except -1
