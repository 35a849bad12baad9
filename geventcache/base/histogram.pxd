cimport cython
cdef long long EXACT, SUB_SLOTS

@cython.final
cdef class Histogram:
    cdef long long[960] slots
    cdef readonly long long count
    cdef readonly long long total
    cdef readonly long long maximum
    cpdef record(self, long long value)
    cpdef record_many(self, long long value, long long times)

cpdef Py_ssize_t slot_of(long long value) noexcept
