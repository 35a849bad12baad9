from geventcache.persistence.cursor cimport Cursor
from geventcache.persistence.listpack cimport Listpack, as_text, read_listpack
from geventcache.persistence.output cimport Output
from geventcache.types.stream_ids cimport make_id
from geventcache.types.stream_nodes cimport Node
from geventcache.types.streams cimport Stream

cdef int SEQ_BITS
cdef long long DELETED, SAME_FIELDS
cdef unsigned long long MAX_HALF, HALF_RANGE

cdef class Elements:
    cdef list elements
    cdef Py_ssize_t at
    cdef next(self)
    cdef long long number(self) except? -1
    cdef Py_ssize_t count(self) except -1
    cdef list texts(self, Py_ssize_t count)
