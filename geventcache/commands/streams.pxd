cimport cython
from geventcache.command.effects cimport Told
from geventcache.command.integers cimport integer
from geventcache.commands.stream_parts cimport range_end, range_start, stream_id, stream_ids
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.stream_ids cimport format_halves, parse_new_id
from geventcache.types.streams cimport Stream

cdef unsigned long long MAX_HALF

@cython.final
cdef class Trim:
    cdef bytes strategy
    cdef object threshold
    cdef bint is_approximate, creates
    cdef object limit
    cdef Py_ssize_t take(self, tuple args, Py_ssize_t i) except -1
    cdef Py_ssize_t take_strategy(self, bytes word, tuple args, Py_ssize_t i) except -1
    cdef check(self, Py_ssize_t node_entries, bint is_needed=*)
    cdef Py_ssize_t run(self, Stream stream) except -1
