from geventcache.base.native cimport scan_integer

cdef long long MAX_MS, NEVER
cdef int NO_UNIT, EX, PX, EXAT, PXAT
cdef int NX, XX, GT, LT

cpdef long long parse_expiration(bytes unit, bytes amount, long long now_ms, bytes name) except -2
cpdef long long deadline_of(long long n, bint is_seconds, bint is_relative, long long now_ms, bytes name) except -2
cpdef int unit_of(bytes word) except -1
cpdef long long any_deadline_of(long long n, bint is_seconds, long long base_ms, bytes name) except? -2
cpdef int parse_condition(tuple words) except -1
cpdef bint is_met(int condition, long long current_ms, long long deadline_ms) noexcept
cpdef long long rounded_seconds(long long ms) noexcept
