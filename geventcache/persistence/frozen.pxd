from geventcache.base.table cimport Table, Watcher
from geventcache.persistence.output cimport Output
from geventcache.types.streams cimport Stream

cdef Py_ssize_t PIECE, UNIT_BYTES
cdef long long NEVER

cdef class FrozenTable(Watcher):
    cdef readonly int kind
    cdef Py_ssize_t count
    cdef Table table
    cdef bint has_deadlines
    cdef Output out
    cdef object error
    cdef write(self, bytes key, value, long long deadline_ms)
    cpdef Py_ssize_t take(self, bytes key, int kind, value, long long deadline_ms) except? -1
