cimport cython
from geventcache.types.container cimport Container
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.listpack cimport integer_width
from geventcache.types.random_pick cimport random_key, random_keys

cdef int INTSET, LISTPACK, HASHTABLE
cdef Py_ssize_t HOLES_ALLOWED

@cython.final
cdef class Set(Container):
    cdef readonly dict table
    cdef EncodingLimits limits
    cdef int form
    cdef Py_ssize_t holes
    cdef object cursors
    cpdef bint add(self, bytes member)
    cpdef Py_ssize_t add_many(self, object members)
    cdef choose(self, bytes first, Py_ssize_t count)
    cdef bint add_small(self, bytes member)
    cdef leave_intset(self, bytes member)
    cpdef bint remove(self, bytes member)
    cpdef bint contains(self, bytes member)
    cpdef bytes pop_random(self)
    cpdef bytes random_member(self)
    cdef Py_ssize_t bound(self)
