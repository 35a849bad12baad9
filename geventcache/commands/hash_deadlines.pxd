from geventcache.command.expiration cimport is_met, parse_condition, rounded_seconds
from geventcache.command.hash_fields cimport field_deadline, read_fields, split_fields
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.hashes cimport Hash

cdef int NO_FIELD, NO_DEADLINE, NOT_MET, DONE, EXPIRED

cdef expire_fields(
    Keyspace db, bytes key, bytes amount, tuple words, bint is_seconds, long long base_ms, bytes name
)
cdef event_of(Keyspace db, long long deadline_ms)
cdef expire_field(Keyspace db, Hash target, bytes field, int condition, long long deadline_ms)
cdef give_deadline(Keyspace db, Hash target, bytes field, long long deadline_ms)
cdef persist_field(Keyspace db, Hash target, bytes field)
cdef list read_deadlines(Keyspace db, bytes key, bytes word, tuple words)
cdef read_deadline(Hash target, bytes field, long long now_ms)
cdef get_and_expire(Keyspace db, Hash target, bytes field, long long deadline_ms)
cdef may_set(Keyspace db, Hash target, tuple pairs, bint is_wanted)
cdef set_until(Keyspace db, bytes key, tuple pairs, long long deadline_ms, bint keeps_deadline)
cdef set_in_vain(Client ctx, bytes key, Hash target, tuple pairs)
