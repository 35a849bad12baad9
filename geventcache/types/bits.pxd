from geventcache.base cimport native

cpdef int get_bit(data, long long offset) except -1
cpdef int set_bit(bytearray data, long long offset, int bit) except -1
cpdef grow_to_bit(bytearray data, long long offset)
cdef (long long, long long) bit_range(Py_ssize_t size, long long start, long long end, bint is_bit) noexcept
cpdef long long count_ones(data, long long start=*, long long end=*, bint is_bit=*) except -1
cpdef long long find_bit(data, int bit, long long start=*, long long end=*, bint is_bit=*, bint is_end_given=*) except -2
cdef long long first_bit(data, int bit, long long first, long long last) except -1
cdef Py_ssize_t skip_bytes(data, Py_ssize_t start, Py_ssize_t stop, bytes piece) except -1
cdef bytes part(data, Py_ssize_t start, Py_ssize_t stop)

cdef class FieldKind:
    cdef readonly bint is_signed
    cdef readonly object bits
    cdef readonly object low
    cdef readonly object high
    cpdef wrap(self, value)
    cpdef fit(self, value, bytes policy)

cpdef FieldKind parse_kind(bytes text)
cpdef get_field(data, FieldKind kind, offset)
cpdef put_field(bytearray data, FieldKind kind, offset, value)
cpdef set_field(bytearray data, FieldKind kind, offset, value, bytes policy)
cpdef increment_field(bytearray data, FieldKind kind, offset, increment, bytes policy)
