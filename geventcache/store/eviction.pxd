cimport cython
from cpython.object cimport PyObject
from geventcache.store.entry cimport Entry
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.random_pick cimport below, random_key

cdef extern from "Python.h":
    int PyDict_Next(object, Py_ssize_t *, PyObject **, PyObject **)

cdef long long NEVER
cdef Py_ssize_t SHARDS, POOL_SIZE, TRIES, PLACES_A_KEY, HOLES_ALLOWED
cdef int BY_CHANCE, BY_IDLE_TIME, BY_FREQUENCY, BY_DEADLINE
cdef long long MOST_FREQUENT

@cython.final
cdef class Evictor:
    cdef readonly Keyspace keyspace
    cdef readonly bytes kind
    cdef int rule
    cdef readonly bint is_volatile
    cdef public Py_ssize_t samples
    cdef readonly list candidates, scores
    cdef readonly bytes best
    cdef readonly long long best_score
    cdef list cursors, holes
    cpdef evict(self)
    cpdef bint find(self) except -1
    cdef close_holes(self, Py_ssize_t index)
    cdef remember(self, bytes key, long long score)
    cdef forget_best(self)
    cdef long long score(self, bytes key) except *
    cdef long long rate(self, bytes key, v) except *
    cdef bint may_go(self, v) except -1
    cdef draw(self, Py_ssize_t count)
    cdef Py_ssize_t draw_from(self, Py_ssize_t index, Py_ssize_t count) except -1
    cdef bint consider_item(self, bytes key, v) except -1
    cdef bint consider(self, bytes key) except -1
    cdef Py_ssize_t draw_tickets(self, Py_ssize_t count) except -1
    cdef search(self, Py_ssize_t count)
