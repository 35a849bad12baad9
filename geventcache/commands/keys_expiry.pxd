from geventcache.command.expiration cimport any_deadline_of, is_met, parse_condition, rounded_seconds
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace

cdef int NO_KEY, NO_DEADLINE

cdef expire_at(
    Keyspace db, bytes key, bytes amount, tuple words, bint is_seconds, long long base_ms, bytes name
)
cdef long long read_deadline(Keyspace db, bytes key) except? -3
