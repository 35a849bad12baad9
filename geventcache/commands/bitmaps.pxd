from geventcache.base.native cimport scan_integer
from geventcache.base.numbers cimport parse_integer
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace, as_string
from geventcache.types.bits cimport (
    FieldKind, count_ones, find_bit, get_bit, get_field, grow_to_bit, increment_field, parse_kind, set_bit, set_field
)

cdef bits_of(v)
cdef long long bit_offset(Client ctx, bytes text) except -1
cdef (long long, long long, bint) range_of(tuple args) except *
cdef bint is_bit_unit(bytes text) except -1
cdef list parse_steps(Client ctx, tuple args)
cdef long long field_offset(Client ctx, bytes text, FieldKind kind) except -1

cdef class FieldStep:
    cdef readonly bytes name, policy
    cdef readonly FieldKind kind
    cdef readonly long long offset, number
    cpdef tuple run(self, data)
