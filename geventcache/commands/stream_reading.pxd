cimport cython
from geventcache.command.effects cimport Told
from geventcache.command.integers cimport integer
from geventcache.commands.stream_parts cimport active_consumer, entries_reply, stream_id
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.stream_groups cimport Consumer, Group
from geventcache.types.streams cimport Stream

@cython.final
cdef class Request:
    cdef readonly tuple args, keys, ids
    cdef readonly Py_ssize_t count
    cdef readonly object timeout_ms
    cdef readonly bytes group, consumer
    cdef readonly bint is_noack
    cdef Py_ssize_t take(self, Py_ssize_t i, bint is_group, long long now_ms) except -1
    cdef refuse_option(self, bytes word, bint is_group)
    cdef take_streams(self, Py_ssize_t start, bint is_group)
    cpdef list with_ids(self, list ids)
