from libc cimport math
from geventcache.base cimport native

cdef Py_ssize_t MAX_VALUES, HEADER, REGISTERS, DENSE_SIZE, MAX_SHORT_ZEROS, MAX_VALUE_RUN
cdef int DENSE, SPARSE, STALE, INDEX_BITS, HASH_BITS, MAX_SPARSE_VALUE, MERGE_WINDOW, MURMUR_SHIFT
cdef unsigned long long MASK_64, MURMUR_SEED, MURMUR_FACTOR
cdef double ALPHA, SHARE, INFINITE

cpdef bint add(bytearray data, list elements, Py_ssize_t sparse_max_bytes) except -1
cdef bint raise_register(bytearray data, Py_ssize_t index, int value, Py_ssize_t sparse_max_bytes) except -1
cdef bint raise_dense(bytearray data, Py_ssize_t index, int value) except -1
cdef bint raise_sparse(bytearray data, Py_ssize_t index, int value, Py_ssize_t sparse_max_bytes) except -1
cdef Py_ssize_t run_length(bytearray data, Py_ssize_t at) except -1
cdef int run_value(bytearray data, Py_ssize_t at) noexcept
cdef Py_ssize_t run_size(bytearray data, Py_ssize_t at) noexcept
cdef bytes zeros(Py_ssize_t length)
cdef bytes equals(int value, Py_ssize_t length)
cdef bytes split_run(bytearray data, Py_ssize_t at, Py_ssize_t first, Py_ssize_t index, int value)
cdef join_runs(bytearray data, Py_ssize_t at)
cdef bint can_join(bytearray data, Py_ssize_t at) except -1
cdef bytearray dense_registers(bytearray data)
cpdef unsigned long long hash_bytes(bytes element) except? 0
cdef unsigned long long little_endian(bytes element, Py_ssize_t start, Py_ssize_t size) except? 0
cdef int pattern_length(unsigned long long hashed) noexcept
cdef double sigma(double x) noexcept
cdef double tau(double x) noexcept
