cimport cython
from geventcache.types.container cimport Container
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.scored cimport Scored

cdef int LISTPACK, SKIPLIST

@cython.final
@cython.no_gc
cdef class SortedSet(Scored):
    cpdef int add(self, bytes member, double score) except -2
    cpdef expect(self, Py_ssize_t count, Py_ssize_t longest)
    cpdef Py_ssize_t rank(self, bytes member, bint reverse=*) except -2
    cpdef (Py_ssize_t, Py_ssize_t) score_window(self, double low, bint low_open, double high, bint high_open)
    cpdef list members(self, Py_ssize_t start, Py_ssize_t count, bint reverse=*)
    cpdef list pairs(self, Py_ssize_t start, Py_ssize_t count, bint reverse=*)
    cpdef list pop(self, Py_ssize_t count, bint reverse=*)
