cdef class Container:
    cdef public long long revision
