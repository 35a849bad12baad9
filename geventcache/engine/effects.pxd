cimport cython
from geventcache.base.clock cimport Clock
from geventcache.command.effects cimport Told
from geventcache.command.table cimport Command

@cython.final
cdef class Effects:
    cdef readonly Clock clock
    cdef readonly list sinks
    cdef readonly list unit
    cdef readonly Py_ssize_t depth
    cdef begin(self)
    cdef end(self)
    cdef abandon(self)
    cdef note(self, index, Command command, list args, value, Told told)
    cdef hand_over(self)

cdef list requests_of(list unit)
