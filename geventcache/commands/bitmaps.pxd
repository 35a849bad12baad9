from geventcache.base.native cimport scan_integer
from geventcache.base.numbers cimport parse_integer
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace, as_string
from geventcache.types.bits cimport (
    FieldKind, count_ones, find_bit, get_bit, get_field, grow_to_bit, increment_field, parse_kind, set_bit, set_field
)

cdef class FieldStep:
    cdef readonly bytes name, policy
    cdef readonly FieldKind kind
    cdef readonly long long offset, number
    cpdef tuple run(self, data)
