cimport cython
from geventcache.types.container cimport Container
from geventcache.types.field_deadlines cimport FieldDeadlines
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.names cimport shared_name
from geventcache.types.random_pick cimport random_key, random_keys

cdef Py_ssize_t HOLES_ALLOWED, SHARING_FIELDS
cdef long long NEVER

@cython.final
cdef class Hash(Container):
    cdef readonly dict fields
    cdef readonly FieldDeadlines deadlines
    cdef readonly bint is_hashtable
    cdef EncodingLimits limits
    cdef Py_ssize_t holes
    cdef object cursors
    cpdef bytes get(self, bytes field)
    cpdef bytes get_live(self, bytes field, long long now_ms)
    cpdef bint set(self, bytes field, bytes value, bint keep_deadline=*)
    cpdef bint delete(self, bytes field)
    cpdef expect(self, Py_ssize_t count)
    cpdef dict live(self, long long now_ms)
    cpdef bint is_due(self, bytes field, long long now_ms)
    cpdef deadline(self, bytes field)
    cdef drop_deadline(self, bytes field)
    cdef Py_ssize_t bound(self)
