cdef long long MAX_MS, NEVER
cdef int NO_UNIT, EX, PX, EXAT, PXAT

cpdef long long parse_expiration(bytes unit, bytes amount, long long now_ms, bytes name) except -2
cpdef long long deadline_of(long long n, bint is_seconds, bint is_relative, long long now_ms, bytes name) except -2
cpdef int unit_of(bytes word) noexcept
