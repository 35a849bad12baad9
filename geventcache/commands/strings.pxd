from geventcache.base.counters cimport added
from geventcache.command.expiration cimport deadline_of, parse_expiration
from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace, as_string
from geventcache.types.container cimport Container

cdef value_or_none(Keyspace db, bytes key)
cdef set_with_options(Keyspace db, bytes key, bytes value, tuple words)
cdef store(Keyspace db, bytes key, bytes value, options, long long deadline_ms)
cdef set_until(Keyspace db, bytes key, bytes amount, bytes value, bint is_seconds, bytes name)
cdef increment(Client ctx, bytes key, long long by, bytes event)
