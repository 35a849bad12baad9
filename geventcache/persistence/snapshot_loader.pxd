cimport cython
from geventcache.persistence.snapshot_reader cimport SnapshotReader
from geventcache.store.keyspace cimport Keyspace

@cython.final
cdef class Loaded:
    cdef readonly Py_ssize_t keys, expired
