from geventcache.types.listpack cimport entry_size, width_of

cdef Py_ssize_t SMALL

cdef Py_ssize_t integer_size(Py_ssize_t value) noexcept
cdef Py_ssize_t difference_size(unsigned long long value, unsigned long long base) except -1

cdef class Node:
    cdef readonly object base_id
    cdef readonly object tail_id
    cdef unsigned long long base_ms
    cdef unsigned long long base_seq
    cdef readonly list ids
    cdef readonly list entries
    cdef readonly tuple names
    cdef readonly Py_ssize_t deleted
    cdef readonly Py_ssize_t body
    cdef bint has_room(self, Py_ssize_t size, Py_ssize_t max_bytes, Py_ssize_t max_entries) except -1
    cdef append(self, object entry_id, tuple fields)
    cdef tuple share_names(self, tuple fields)
    cdef drop(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef Node copy(self)
