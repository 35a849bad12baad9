cimport cython
from geventcache.types.container cimport Container
from geventcache.types.elements cimport Elements
from geventcache.types.field_deadlines cimport FieldDeadlines
from geventcache.types.limits cimport EncodingLimits

cdef int HASHTABLE, LISTPACK
cdef long long NEVER

@cython.final
@cython.no_gc
cdef class Hash(Elements):
    cdef readonly FieldDeadlines deadlines
    cdef list lapsed
    cpdef bytes get_live(self, bytes field, long long now_ms)
    cpdef bint set(self, bytes field, bytes value, long long now_ms, bint keep_deadline=*) except -1
    cpdef set_until(self, bytes field, bytes value, long long deadline_ms, long long now_ms)
    cdef bint admits(self, bytes field, bytes value) except -1
    cdef lapse(self, bytes field)
    cpdef bint delete(self, bytes field) except -1
    cpdef expect(self, Py_ssize_t count)
    cpdef bint has_due(self, long long now_ms) except -1
    cpdef dict live(self, long long now_ms)
    cpdef bint is_due(self, bytes field, long long now_ms) except -1
    cpdef deadline(self, bytes field)
    cdef drop_deadline(self, bytes field)
