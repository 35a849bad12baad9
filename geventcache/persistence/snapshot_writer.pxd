from geventcache.base.table cimport Table, Watcher
from geventcache.persistence.output cimport Output
from geventcache.store.keyspace cimport Keyspace, as_string
from geventcache.types.hashes cimport Hash

cdef int BYTES, OBJECT, PACKED
cdef long long NEVER
cdef Py_ssize_t UNIT_BYTES, BLOCK_BYTES, NO_DATABASE

cdef class Records:
    cdef readonly Output out
    cdef public Py_ssize_t selected
    cdef public dict sizes
    cdef readonly object large
    cdef public Py_ssize_t done
    cdef public object on_deadlines, error
    cpdef list take_pieces(self)
    cpdef select(self, Output out, Py_ssize_t index)

cdef class RecordWriter(Watcher):
    cdef Records records
    cdef Py_ssize_t index
    cdef readonly Table table
    cdef Keyspace keyspace
    cpdef Py_ssize_t take(self, bytes key, int kind, value, long long deadline_ms) except? -1
    cdef write(self, bytes key, int kind, value, long long deadline_ms)
    cpdef drop(self)

cdef write_deadline(Output out, long long deadline_ms)
