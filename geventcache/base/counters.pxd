cdef long long INT64_MAX, INT64_MIN

cpdef long long added(long long number, long long by) except? -1
