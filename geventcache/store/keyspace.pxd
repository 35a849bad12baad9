cimport cython
from geventcache.base.clock cimport Clock
from geventcache.base.histogram cimport Histogram
from geventcache.base.table cimport Table, Tickets
from geventcache.store.account cimport Account
from geventcache.store.changes cimport Changes
from geventcache.store.deadlines cimport Deadlines
from geventcache.store.uses cimport Uses
from geventcache.types.container cimport Container

cdef long long NEVER, KEPT
cdef int MOST_TRIES
cdef unsigned long long END
cdef int ABSENT, BYTES, INTEGER, OBJECT, PACKED
cdef long long INT64_MAX, INT64_MIN
cdef Py_ssize_t LARGE_VALUE, ELEMENTS_A_VISIT

@cython.final
cdef class Edit:
    cdef readonly bytes key
    cdef readonly Container value
    cdef readonly object event
    cdef readonly bint is_new, is_counted
    cdef readonly long long revision, side_revision, due_ms

@cython.final
cdef class Keyspace:
    cdef public object index
    cdef public Clock clock
    cdef public object limits
    cdef public Changes changes
    cdef public object graveyard
    cdef public Table table
    cdef list edits
    cdef readonly Py_ssize_t opened
    cdef public Deadlines deadlines
    cdef public long long volatile_containers
    cdef public long long hits
    cdef public long long misses
    cdef public long long expired
    cdef public long long expired_elements
    cdef public long long evicted
    cdef public Account account
    cdef public Uses uses
    cdef public bint observed
    cpdef reset(self)
    cpdef int seek(self, bytes key) except -1
    cpdef ahead(self, list keys, list elements)
    cpdef find(self, bytes key)
    cdef opened_at(self, bytes key)
    cpdef unpack(self, bytes run, int kind)
    cpdef find_string(self, bytes key)
    cpdef find_buffer(self, bytes key)
    cpdef find_container(self, bytes key, kind)
    cpdef read(self, bytes key)
    cpdef read_string(self, bytes key)
    cpdef read_container(self, bytes key, kind)
    cpdef read_untouched(self, bytes key)
    cpdef bint touch(self, bytes key) except -1
    cdef miss(self, bytes key)
    cdef note_use(self, bytes key)
    cpdef long long deadline(self, bytes key) except *
    cpdef long long usage(self, bytes key) except *
    cpdef edit(self, bytes key, kind, event, bint is_counted=*)
    cpdef edit_or_create(self, bytes key, kind, event)
    cdef open(self, bytes key, Container value, event, bint is_new, bint is_counted)
    cpdef preserve(self, bytes key)
    cpdef bytearray buffer(self, bytes key, value)
    cpdef settle(self)
    cpdef discard(self)
    cdef settle_one(self, Edit edit, Container value)
    cdef tell_of(self, Edit edit, bint is_beside)
    cdef keep(self, Edit edit, Container value, bint is_whole)
    cdef drop_empty(self, bytes key, Container value)
    cpdef put(self, bytes key, value, event)
    cpdef put_until(self, bytes key, value, long long deadline_ms, event)
    cpdef replace(self, bytes key, value, event)
    cpdef put_buffer(self, bytes key, bytearray buffer, event)
    cpdef add_to_integer(self, bytes key, long long by, event)
    cdef place(self, bytes key, value, long long deadline_ms)
    cdef seat(self, bytes key, value, long long deadline_ms)
    cdef store(self, value, long long deadline_ms, long long filed_ms)
    cdef placed(self, bytes key, int kind, old)
    cdef stored(self, bytes key, old)
    cdef disown(self, bytes key)
    cdef long long file(self, long long due_ms) except? 0
    cdef follow(self, Container value)
    cdef mark(self, Container value, bint is_volatile)
    cpdef announce(self, bytes key, event)
    cpdef tell(self, bytes key, event)
    cpdef notify(self, bytes key, event)
    cpdef bint delete(self, bytes key, event=*) except -1
    cdef take_out(self, bytes key)
    cdef let_go(self, old)
    cpdef bint evict(self, bytes key) except -1
    cpdef bint set_deadline(self, bytes key, long long deadline_ms, event=*) except -1
    cpdef bint persist(self, bytes key, event=*) except -1
    cdef retime(self, long long deadline_ms, long long filed_ms)
    cpdef bint transfer(self, bytes key, Keyspace target, bytes new_key, left, arrived) except -1
    cdef detach(self, bytes key)
    cpdef implant(self, bytes key, value, long long deadline_ms)
    cpdef bint expire_at_once(self, bytes key) except -1
    cpdef expire(self, bytes key)
    cpdef note_expired(self, bytes key, Container value, list names, dict kept=*)
    cpdef last_value(self, bytes key)
    cdef Py_ssize_t expire_elements(self, bytes key, Container value, Py_ssize_t most, Histogram lags) except -1
    cdef revisit(self, long long due_ms)
    cpdef Py_ssize_t visit(self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, Histogram lags) except -1
    cpdef scan(self, cursor, count, matches=*, type_name=*)
    cdef type_at(self, bytes key)
    cpdef position(self, bytes key)

cpdef type_name_of(v)
cpdef as_string(v)
