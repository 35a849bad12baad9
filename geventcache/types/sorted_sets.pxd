cimport cython
from geventcache.types.container cimport Container
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.random_pick cimport below
from geventcache.types.ranked cimport Ranked

@cython.final
cdef class SortedSet(Container):
    cdef readonly dict scores
    cdef readonly Ranked order
    cdef public bint is_skiplist
    cdef EncodingLimits limits
    cdef object cursors
    cpdef int add(self, bytes member, double score)
    cpdef expect(self, Py_ssize_t count, Py_ssize_t longest)
    cpdef bint remove(self, bytes member)
    cpdef score(self, bytes member)
    cpdef Py_ssize_t rank(self, bytes member, bint reverse=*)
    cpdef (Py_ssize_t, Py_ssize_t) score_window(self, double low, bint low_open, double high, bint high_open)
    cpdef list members(self, Py_ssize_t start, Py_ssize_t count, bint reverse=*)
    cpdef list pairs(self, Py_ssize_t start, Py_ssize_t count, bint reverse=*)
    cpdef tuple pop_end(self, bint last)
    cpdef list pop(self, Py_ssize_t count, bint reverse=*)
