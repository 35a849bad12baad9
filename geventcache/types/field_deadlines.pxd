cimport cython
from geventcache.base.deadlines cimport Deadlines
from geventcache.base.table cimport Table, Tickets
from geventcache.types.elements cimport Elements

@cython.final
cdef class FieldDeadlines:
    cdef Table table
    cdef Deadlines index
    cdef object sweeping
    cdef Tickets few
    cdef long long first_ms
    cdef readonly Py_ssize_t count
    cpdef set(self, bytes field, long long deadline_ms, long long now_ms)
    cpdef put(self, Elements fields, bytes field, bytes value, long long deadline_ms, long long now_ms)
    cdef give(self, bytes value, long long deadline_ms, long long now_ms)
    cpdef drop(self, bytes field)
    cpdef get(self, bytes field)
    cpdef bint has(self, bytes field) except -1
    cpdef bint is_due(self, bytes field, long long now_ms) except -1
    cpdef long long next_ms(self)
    cpdef list pop_due(self, long long now_ms, Py_ssize_t most)
    cpdef forget(self, list fields)
    cpdef bint release(self, Py_ssize_t count) except -1
    cpdef FieldDeadlines copy(self, Elements fields)
    cpdef Py_ssize_t memory_usage(self)
    cdef visit(
        self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, long long now_ms, list due
    )
    cpdef bint has_due(self, long long now_ms) except -1
    cdef drop_last(self, Tickets tickets, Py_ssize_t count)
    cdef find_first(self)
    cdef refile(self, list due, long long time_ms)
    cdef pop_many(self, long long now_ms, Py_ssize_t most, list due)
    cdef pop_few(self, long long now_ms, Py_ssize_t most, list due)
    cdef take(self, list due)
    cdef Tickets counting(self)
    cdef to_many(self, long long now_ms)
    cdef tidy(self, long long now_ms)
