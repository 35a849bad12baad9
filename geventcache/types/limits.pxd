cimport cython

@cython.final
cdef class EncodingLimits:
    cdef public Py_ssize_t hash_max_listpack_entries
    cdef public Py_ssize_t hash_max_listpack_value
    cdef public Py_ssize_t list_max_listpack_size
    cdef public Py_ssize_t set_max_intset_entries
    cdef public Py_ssize_t set_max_listpack_entries
    cdef public Py_ssize_t set_max_listpack_value
    cdef public Py_ssize_t zset_max_listpack_entries
    cdef public Py_ssize_t zset_max_listpack_value
    cdef public Py_ssize_t hll_sparse_max_bytes
    cdef public Py_ssize_t stream_node_max_bytes
    cdef public Py_ssize_t stream_node_max_entries
