cimport cython
from geventcache.base.clock cimport Clock
from geventcache.base.histogram cimport Histogram
from geventcache.base.table cimport Table, Tickets
from geventcache.store.account cimport Account, object_size
from geventcache.store.changes cimport Changes
from geventcache.base.deadlines cimport Deadlines
from geventcache.store.uses cimport Uses
from geventcache.types.container cimport Container

cdef long long NEVER
cdef int MOST_TRIES
cdef unsigned long long END
cdef int ABSENT, DUE, OBJECT, PACKED
cdef list CONTAINERS, UNPACKERS
cdef dict KINDS
cdef Py_ssize_t LARGE_VALUE, ELEMENTS_A_VISIT

# What Python does not call is final, so that calls are direct: Keyspace is the one class that has it as its base.
cdef class Places:
    cdef public object index
    cdef public Clock clock
    cdef public object limits
    cdef public Changes changes
    cdef public object graveyard
    cdef public Table table
    cdef public Deadlines deadlines
    cdef public long long volatile_containers
    cdef public long long expired
    cdef public long long expired_elements
    cdef public long long evicted
    cdef public Account account
    cdef public Uses uses
    cdef public bint observed
    cpdef reset(self)
    cpdef int seek(self, bytes key) except -1
    cpdef unpack(self, bytes run, int kind)
    cpdef long long deadline(self, bytes key) except *
    cpdef long long usage(self, bytes key) except *
    cpdef preserve(self, bytes key)
    @cython.final
    cdef drop_empty(self, bytes key, Container value)
    @cython.final
    cdef store(self, bytes key, value, long long deadline_ms)
    @cython.final
    cdef placed(self, bytes key, int kind, old, weight)
    @cython.final
    cdef received(self, bytes key, int kind, old, weight)
    @cython.final
    cdef stored(self, bytes key, old, weight)
    @cython.final
    cdef long long filed_by(self, long long due_ms) except? 0
    @cython.final
    cdef follow(self, Container value)
    @cython.final
    cdef file(self, long long due_ms)
    @cython.final
    cdef mark(self, Container value, bint is_volatile)
    cpdef announce(self, bytes key, event)
    cpdef tell(self, bytes key, event)
    cpdef notify(self, bytes key, event)
    @cython.final
    cdef take_out(self, bytes key)
    @cython.final
    cdef let_go(self, old)
    cpdef bint evict(self, bytes key) except -1
    @cython.final
    cdef retime(self, long long deadline_ms, long long filed_ms)
    @cython.final
    cdef detach(self, bytes key)
    cpdef expire(self, bytes key)
    cpdef note_expired(self, bytes key, Container value, list names, dict kept=*)
    cpdef last_value(self, bytes key)
    @cython.final
    cdef Py_ssize_t expire_elements(self, bytes key, Container value, Py_ssize_t most, Histogram lags) except -1
    @cython.final
    cdef revisit(self, long long due_ms)
    cpdef Py_ssize_t visit(self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, Histogram lags) except -1
    cpdef scan(self, cursor, count, matches=*, type_name=*)
    @cython.final
    cdef type_at(self, bytes key)
    cpdef position(self, bytes key)

cpdef type_name_of(v)
