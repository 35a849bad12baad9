cdef Py_ssize_t SAMPLED, BYTES_HEADER, ALIGNMENT, SMALL_BLOCK, BLOCK_HEADER

cpdef Py_ssize_t block_size(Py_ssize_t length) except -1
cpdef Py_ssize_t bytes_size(Py_ssize_t length) except -1
cpdef long long elements_size(elements) except *
