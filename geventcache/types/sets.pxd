cimport cython
from geventcache.types.container cimport Container
from geventcache.types.elements cimport Elements
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.listpack cimport integer_width

cdef int INTSET, LISTPACK, HASHTABLE

@cython.final
@cython.no_gc
cdef class Set(Elements):
    cpdef bint add(self, bytes member) except -1
    cpdef Py_ssize_t add_many(self, object members) except -1
    cdef choose(self, bytes first, Py_ssize_t count)
    cdef bint add_small(self, bytes member) except -1
    cdef bint admits(self, bytes member) except -1
    cdef leave_intset(self, bytes member)
    cpdef bytes pop_random(self)
