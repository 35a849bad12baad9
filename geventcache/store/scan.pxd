from geventcache.store.keyspace cimport Keyspace

cdef int PREFIX_SHIFT

cdef class Window:
    cdef public object number
    cdef readonly dict shard
    cdef readonly object start
    cdef readonly object end
    cdef readonly list prefixes
    cdef readonly list keys
    cpdef page(self, start, count)

cdef class Scanner:
    cdef readonly Keyspace keyspace
    cdef readonly dict windows
    cdef public object last_number
    cpdef page(self, cursor, count)
    cdef cursor(self, shard_index, prefix, Window window)
    cdef keep(self, Window window)

cdef unsigned long long prefix_of(key) except? 0
cpdef scan_keys(Keyspace keyspace, cursor, count)
