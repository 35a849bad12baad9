cimport cython
cdef Py_ssize_t GARBAGE_ALLOWED, PASSED_OVER

@cython.final
cdef class FieldDeadlines:
    cdef readonly dict times
    cdef dict buckets
    cdef list heap
    cpdef set(self, bytes field, long long deadline_ms)
    cpdef drop(self, bytes field)
    cpdef bint is_due(self, bytes field, long long now_ms)
    cpdef long long next_ms(self)
    cpdef list pop_due(self, long long now_ms, Py_ssize_t most)
    cpdef forget(self, list[bytes] fields)
    cdef file(self, bytes field, object time_ms)
    cdef unfile(self, bytes field, object time_ms)
    cdef sweep(self)
    cdef list take(self, object time_ms, Py_ssize_t most)
    cdef bint release(self, Py_ssize_t count) except -1
