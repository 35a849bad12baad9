cimport cython
from geventcache.store.entry cimport Entry
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.random_pick cimport below, random_key

cdef long long NEVER
cdef Py_ssize_t SHARDS, POOL_SIZE, POOL_LIMIT, TRIES, PLACES_A_KEY, HOLES_ALLOWED
cdef int BY_CHANCE, BY_IDLE_TIME, BY_FREQUENCY, BY_DEADLINE
cdef long long MOST_FREQUENT

@cython.final
cdef class Evictor:
    cdef readonly Keyspace keyspace
    cdef readonly bytes kind
    cdef int rule
    cdef readonly bint is_volatile
    cdef public Py_ssize_t samples
    cdef readonly dict pool
    cdef readonly bytes best
    cdef readonly long long best_score
    cdef list holes
    cpdef evict(self)
    cpdef bint find(self) except -1
    cdef close_holes(self, Py_ssize_t index)
    cdef choose(self)
    cdef shrink(self)
    cdef long long score(self, bytes key) except *
    cdef bint may_go(self, v) except -1
    cdef list draw(self, Py_ssize_t count)
    cdef list draw_tickets(self, Py_ssize_t count)
    cdef list search(self, Py_ssize_t count)
