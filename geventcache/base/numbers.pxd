from geventcache.base.native cimport scan_decimal, scan_integer

cdef long long _INT64_MAX
cdef unsigned long long _UINT64_MAX
cdef unsigned long long _TOP_BIT
cdef unsigned long long _HIDDEN_BIT
cdef double _INTEGRAL_LIMIT
cdef int _FIRST_POWER
cdef int _POWER_STEP
cdef list _POWERS

cpdef object parse_integer(bytes text)
cpdef object parse_unsigned(bytes text)
cpdef object parse_float(bytes text)
cpdef bytes format_integer(long long value)
cpdef bytes format_float(double value)
cpdef bytes format_shortest(double value)
cdef unsigned long long _scale(unsigned long long a, unsigned long long b) noexcept
cdef tuple _digits(double value)
cdef int _power_index(int exponent) except -1
cdef tuple _generate(unsigned long long low, unsigned long long mid, unsigned long long high, int exponent)
cdef unsigned long long _nearest(
    unsigned long long number,
    unsigned long long delta,
    unsigned long long left,
    unsigned long long unit,
    unsigned long long wanted,
) noexcept
cdef bytes _layout(bytes digits, int exponent, bint is_negative)
