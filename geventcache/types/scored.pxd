from geventcache.base.c_api cimport PyObject
from geventcache.base.table cimport Table
from geventcache.types.container cimport Container
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.order cimport Bound, Order

cpdef enum:
    LISTPACK = 1
    SKIPLIST = 2

cdef class Scored(Container):
    cdef EncodingLimits limits
    cdef readonly int form
    cdef PyObject *run
    cdef Table table
    cdef Order order
    cpdef begin(self, EncodingLimits limits)
    cpdef bytes pack(self)
    cpdef load(self, bytes run, EncodingLimits limits)
    cpdef elements_table(self)
    cpdef bint has(self, bytes member) except -1
    cpdef score(self, bytes member)
    cpdef int put(self, bytes member, double score) except -2
    cpdef bint drop(self, bytes member) except -1
    cpdef Py_ssize_t rank_of(self, bytes member) except -2
    cpdef Py_ssize_t score_rank(self, double score, bint after) except -1
    cpdef Py_ssize_t member_rank(self, bytes member, bint after) except -1
    cpdef list between(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef list pairs_between(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef shown_between(self, Py_ssize_t start, Py_ssize_t stop, bint with_scores)
    cpdef Py_ssize_t delete_between(self, Py_ssize_t start, Py_ssize_t stop) except -1
    cpdef tuple pop_end(self, bint last)
    cpdef bytes random_member(self)
    cpdef list random_members(self, Py_ssize_t count)
    cpdef dict to_dict(self)
    cpdef replace_all(self, list members, list scores)
    cpdef become(self, int form)
    cpdef take_over(self, Scored other)
    cdef int put_in_run(self, bytes member, double score) except -2
    cdef int put_in_table(self, bytes member, double score) except -2
    cdef bint is_small(self, int form, Py_ssize_t count, Py_ssize_t size) noexcept
    cdef spread(self)
    cdef replace_run(self, PyObject *run)
