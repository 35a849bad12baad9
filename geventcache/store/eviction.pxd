cimport cython
from geventcache.base.table cimport Table, Tickets
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.random_pick cimport below

cdef long long NEVER, END
cdef int ABSENT
cdef Py_ssize_t POOL_SIZE, TRIES, SEARCHED_A_PAGE
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
    cpdef evict(self)
    cpdef bint find(self) except -1
    cdef remember(self, bytes key, long long score)
    cdef forget_best(self)
    cdef long long score(self, bytes key) except *
    cdef long long rate(self) except *
    cdef draw(self, Py_ssize_t count)
    cdef list drawn(self, Py_ssize_t count)
    cdef Py_ssize_t consider_all(self, list keys) except -1
    cdef bint consider(self, bytes key) except -1
    cdef Py_ssize_t draw_tickets(self, Py_ssize_t count) except -1
    cdef bint redeem(self, Tickets tickets, Py_ssize_t at, long long time_ms) except -1
    cdef search(self, Py_ssize_t count)
    cdef Py_ssize_t search_between(self, long long position, long long end, Py_ssize_t count) except -1
