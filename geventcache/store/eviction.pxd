from geventcache.base.table cimport Sampler, Table, Tickets
from geventcache.store.account cimport Account
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.random_pick cimport below

cdef long long NEVER, END
cdef int ABSENT
cdef Py_ssize_t CANDIDATES, DRAWN_MOST, TRIES, SEARCHED_A_PAGE
cdef int BY_CHANCE, BY_IDLE_TIME, BY_FREQUENCY, BY_DEADLINE
cdef long long MOST_FREQUENT

cdef class Evictor(Sampler):
    cdef readonly Keyspace keyspace
    cdef readonly bytes kind
    cdef int rule
    cdef readonly bint is_volatile
    cdef public Py_ssize_t samples
    cdef list tickets, scores
    cdef Py_ssize_t drawn
    cdef long long offered, worst
    cdef readonly bytes best
    cdef readonly long long best_score
    cpdef bint find(self) except -1
    cpdef evict(self)
    cpdef evict_until(self, Account account, long long target, Py_ssize_t most)
    cdef forget_best(self)
    cdef long long score(self, unsigned int use, long long deadline_ms) except *
    cpdef bint wants(self, unsigned int use, long long deadline_ms) except -1
    cpdef take(self, ticket)
    cdef leave_out(self, Py_ssize_t count)
    cdef bint draw(self) except -1
    cdef bint consider(self) except -1
    cdef draw_tickets(self, Py_ssize_t count)
    cdef bint redeem(self, Tickets tickets, Py_ssize_t at, long long time_ms) except -1
    cdef search(self, Py_ssize_t count)
    cdef Py_ssize_t search_between(self, long long position, long long end, Py_ssize_t count) except -1
