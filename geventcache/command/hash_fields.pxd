from geventcache.command.expiration cimport any_deadline_of
from geventcache.command.integers cimport integer

cpdef tuple split_fields(tuple words)
cpdef tuple read_fields(tuple words, bytes mismatch, int width=*)
cpdef long long field_deadline(long long n, bint is_seconds, long long base_ms, bytes name) except? -2
