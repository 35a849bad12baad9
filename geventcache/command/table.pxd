cimport cython
from geventcache.base.histogram cimport Histogram
@cython.final
cdef class Command:
    cdef readonly object declaration
    cdef readonly bytes name
    cdef readonly object handler, effect
    cdef readonly Py_ssize_t low, high, start, brief_high, plain_high
    cdef readonly Py_ssize_t first_key, last_key, key_step, element
    cdef readonly bint is_counted, is_write, may_write, is_denied_oom, is_admin, is_loud, is_immediate, runs_queue
    cdef readonly bint is_logged, is_composite, is_noted, is_message, may_wait, draws
    cdef public dict subcommands
    cdef public long long calls, usec, rejected, failed
    cdef public bint is_measured
    cdef public Histogram latency
    cpdef note(self, long long usec)
    cpdef note_many(self, long long count, long long usec)

@cython.final
cdef class CommandTable:
    cdef readonly dict commands
    cdef readonly dict by_spelling
    cdef object last_spelling
    cdef Command last
    cdef Command spelled(self, object name)
    cpdef Command find(self, list args)
