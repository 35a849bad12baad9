cimport cython
from geventcache.command.expiration cimport any_deadline_of

@cython.final
cdef class Told:
    cdef readonly object value, facts
