from geventcache.base.native cimport scan_integer

cdef int LONGEST_INTEGER

cdef int width_of(unsigned long long magnitude, bint is_negative) noexcept
cpdef int integer_width(bytes text) noexcept
cpdef Py_ssize_t entry_size(bytes text) except -1
