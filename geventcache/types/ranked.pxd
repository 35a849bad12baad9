cimport cython
from cpython.array cimport array, resize_smart
from geventcache.types.container cimport untracked
from libc.string cimport memcmp, memmove

cdef extern from "Python.h":
    char *PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)

cdef Py_ssize_t LOAD, MIN_LOAD, MERGED_LOAD

cdef double *doubles(array values) noexcept
cdef long long *integers(array values) noexcept
cdef bint is_less(bytes a, bytes b) noexcept
cdef Py_ssize_t score_position(array scores, double score, bint after) noexcept
cdef Py_ssize_t member_position(list[bytes] members, Py_ssize_t low, Py_ssize_t high, bytes member, bint after) noexcept

@cython.final
cdef class Chunk:
    cdef array scores
    cdef list members
    cdef Py_ssize_t position(self, double score, bytes member) noexcept
    cdef insert(self, Py_ssize_t at, double score, bytes member)
    cdef delete(self, Py_ssize_t start, Py_ssize_t stop)
    cdef Chunk split(self, Py_ssize_t at)

@cython.final
cdef class Ranked:
    cdef list chunks
    cdef array tops
    cdef array sizes
    cdef array tree
    cdef bint is_stale
    cdef readonly Py_ssize_t size
    cdef Py_ssize_t chunk_of_member(self, Py_ssize_t low, Py_ssize_t high, bytes member, bint after) noexcept
    cdef Py_ssize_t chunk_of(self, double score, bytes member) noexcept
    cdef refresh(self)
    cdef resized(self, Py_ssize_t index, Py_ssize_t change)
    cdef Py_ssize_t before(self, Py_ssize_t index)
    cdef (Py_ssize_t, Py_ssize_t) locate(self, Py_ssize_t rank)
    cdef split(self, Py_ssize_t index, Py_ssize_t at)
    cdef mend(self, Py_ssize_t index)
    cdef drop(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef add(self, double score, bytes member)
    cpdef bint remove(self, double score, bytes member)
    cpdef Py_ssize_t rank(self, double score, bytes member)
    cpdef Py_ssize_t score_rank(self, double score, bint after)
    cpdef Py_ssize_t member_rank(self, bytes member, bint after)
    cpdef list members(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef list pairs(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef list delete(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef tuple pop_end(self, bint last)
