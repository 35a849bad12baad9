cdef long long MAX_MS, NEVER

cpdef long long parse_expiration(bytes unit, bytes amount, long long now_ms, bytes name) except -2
cpdef long long deadline_of(long long n, bint is_seconds, bint is_relative, long long now_ms, bytes name) except -2
