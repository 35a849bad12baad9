from geventcache.base.counters cimport added
from geventcache.command.effects cimport Told
from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.hashes cimport Hash
from geventcache.types.random_pick cimport below

cdef long long INT64_MIN

cdef set_many(Keyspace db, bytes key, tuple pairs, bytes name)
cdef list draw(Hash target, long long count, long long now_ms)
