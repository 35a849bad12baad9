cimport cython
from geventcache.base.counters cimport added
from geventcache.base.table cimport Table
from geventcache.store.places cimport Places
from geventcache.types.container cimport Container

cdef long long NEVER, KEPT
cdef int ABSENT, INTEGER, OBJECT, PACKED

@cython.final
cdef class Edit:
    cdef readonly bytes key
    cdef readonly Container value
    cdef readonly object event
    cdef readonly bint is_new, is_counted
    cdef readonly long long revision, side_revision, due_ms

@cython.final
cdef class Keyspace(Places):
    cdef list edits
    cdef readonly Py_ssize_t opened
    cdef public long long hits
    cdef public long long misses
    cpdef ahead(self, list keys, list elements, Py_ssize_t draws)
    cpdef find(self, bytes key)
    cdef opened_at(self, bytes key)
    cpdef find_string(self, bytes key)
    cpdef find_buffer(self, bytes key, Py_ssize_t start=*, Py_ssize_t stop=*)
    cpdef find_container(self, bytes key, kind)
    cpdef read(self, bytes key)
    cpdef read_string(self, bytes key)
    cpdef read_container(self, bytes key, kind)
    cpdef read_untouched(self, bytes key)
    cpdef bint touch(self, bytes key) except -1
    cdef miss(self, bytes key)
    cdef note_use(self, bytes key)
    cpdef edit(self, bytes key, kind, event, bint is_counted=*)
    cpdef edit_first(self, keys, kind, event)
    cpdef edit_or_create(self, bytes key, kind, event)
    cdef open(self, bytes key, Container value, event, bint is_new, bint is_counted)
    cpdef expect_deadline(self, bytes key, long long due_ms)
    cpdef bytearray buffer(self, bytes key, value, Py_ssize_t start=*, Py_ssize_t stop=*)
    cpdef secure(self, bytes key)
    cpdef settle(self)
    cpdef discard(self)
    cdef settle_one(self, Edit edit, Container value)
    cdef tell_of(self, Edit edit, bint is_beside)
    cdef keep(self, Edit edit, Container value, bint is_whole, long long counted)
    cpdef put(self, bytes key, value, event)
    cpdef put_until(self, bytes key, value, long long deadline_ms, event)
    cdef bint concerns_others(self) noexcept
    cpdef replace(self, bytes key, value, event)
    cpdef put_buffer(self, bytes key, bytearray buffer, event)
    cpdef add_to_integer(self, bytes key, long long by, event)
    cdef place(self, bytes key, value, long long deadline_ms)
    cdef seat(self, bytes key, value, long long deadline_ms)
    cdef disown(self, bytes key)
    cpdef bint delete(self, bytes key, event=*) except -1
    cpdef bint set_deadline(self, bytes key, long long deadline_ms, event=*) except -1
    cpdef bint persist(self, bytes key, event=*) except -1
    cpdef bint transfer(self, bytes key, Keyspace target, bytes new_key, left, arrived) except -1
    cpdef implant(self, bytes key, value, long long deadline_ms, bint is_counted=*)
    cpdef bint expire_at_once(self, bytes key) except -1

cpdef as_string(v)
