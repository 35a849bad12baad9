cimport cython
from geventcache.base.clock cimport Clock
from geventcache.base.histogram cimport Histogram
from geventcache.store.account cimport Account
from geventcache.store.changes cimport Changes
from geventcache.store.deadlines cimport Deadlines
from geventcache.store.entry cimport Entry
from geventcache.store.uses cimport Uses
from geventcache.types.container cimport Container

cdef long long NEVER
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
    cdef public list shards
    cdef list edits
    cdef readonly Py_ssize_t opened
    cdef public Deadlines deadlines
    cdef public long long boxed
    cdef public long long volatile
    cdef public long long volatile_containers
    cdef public long long hits
    cdef public long long misses
    cdef public long long expired
    cdef public long long expired_elements
    cdef public bint has_containers
    cdef public long long evicted
    cdef public Account account
    cdef public Uses uses
    cdef public bint observed
    cdef public object scanner
    cpdef reset(self)
    cpdef find(self, bytes key)
    cpdef lookup(self, bytes key)
    cpdef glance(self, bytes key)
    cdef miss(self, bytes key)
    cpdef bint use(self, bytes key) except -1
    cpdef string(self, bytes key)
    cpdef find_string(self, bytes key)
    cpdef read(self, bytes key, kind)
    cpdef peek(self, bytes key, kind)
    cpdef long long deadline(self, bytes key) except *
    cpdef bint is_boxed(self, bytes key) except -1
    cpdef edit(self, bytes key, kind, event, bint is_counted=*)
    cpdef edit_or_create(self, bytes key, kind, event)
    cdef open(self, bytes key, Container value, event, bint is_new, bint is_counted)
    cpdef settle(self)
    cdef tell_of(self, Edit edit, bint is_beside)
    cdef drop_empty(self, bytes key, Container value, bint changed)
    cpdef put(self, bytes key, value, event)
    cdef overwrite(self, dict shard, bytes key, old, value)
    cdef placed(self, bytes key, old, value)
    cdef welcome(self, bytes key, value)
    cdef supersede(self, bytes key, old, value)
    cdef refill(self, bytes key, Entry entry, value, long long deadline_ms)
    cdef follow(self, bytes key, Container value)
    cdef mark(self, Entry entry, bint has_volatile_elements)
    cpdef put_until(self, bytes key, value, long long deadline_ms, event)
    cpdef replace(self, bytes key, value, event)
    cpdef changed(self, bytes key, event)
    cpdef announce(self, bytes key, event)
    cpdef tell(self, bytes key, event)
    cpdef notify(self, bytes key, event)
    cpdef bint delete(self, bytes key, event=*) except -1
    cpdef remove(self, bytes key)
    cpdef bint evict(self, bytes key) except -1
    cdef unbox(self, Entry entry)
    cpdef bint set_deadline(self, bytes key, long long deadline_ms, event=*) except -1
    cpdef bint persist(self, bytes key, event=*) except -1
    cpdef bint transfer(self, bytes key, Keyspace target, bytes new_key, left, arrived) except -1
    cpdef implant(self, bytes key, value, long long deadline_ms)
    cpdef bint expire_at_once(self, bytes key) except -1
    cpdef expire(self, bytes key, Entry entry)
    cpdef note_expired(self, bytes key, Container value, list names)
    cdef Py_ssize_t expire_elements(self, bytes key, Entry entry, Py_ssize_t most, Histogram lags) except -1
    cpdef Py_ssize_t visit(self, list keys, Py_ssize_t start, Py_ssize_t stop, long long time_ms, Histogram lags) except -1
    cpdef list filed_at(self, list keys, long long time_ms)
    cdef dispose(self, value)

cpdef as_string(v)
