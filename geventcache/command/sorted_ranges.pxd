cimport cython
from geventcache.base.numbers cimport parse_float
from geventcache.command.integers cimport integer
from geventcache.types.ranges cimport clamp
from geventcache.types.sorted_sets cimport SortedSet

@cython.final
cdef class RankRange:
    cdef long long low, high
    cpdef tuple window(self, SortedSet target, bint reverse)

@cython.final
cdef class ScoreRange:
    cdef double low, high
    cdef bint low_open, high_open
    cpdef tuple window(self, SortedSet target, bint reverse)

@cython.final
cdef class LexRange:
    cdef bytes low, high
    cdef bint low_open, high_open, is_empty
    cpdef tuple window(self, SortedSet target, bint reverse)

@cython.final
cdef class RangeQuery:
    cdef int kind
    cdef readonly bint is_reverse
    cdef public bint with_scores
    cdef bint may_reverse
    cdef long long offset, limit
    cdef object range
    cdef read_options(self, tuple words, bint takes_scores)
    cdef read_limit(self, bytes offset, bytes limit)
    cdef read_range(self, bytes low, bytes high)
    cdef (Py_ssize_t, Py_ssize_t) bounds(self, SortedSet target)
    cpdef list select(self, SortedSet target)
    cpdef shown(self, SortedSet target)

cpdef double score_bound(bytes text) except? -1
cpdef bytes lex_bound(bytes text)
cpdef RangeQuery parse_query(bytes low, bytes high, tuple options, int kind=*, bint is_reverse=*, bint takes_scores=*)
