cimport cython
from geventcache.types cimport packed_list
from geventcache.types.container cimport Container, untracked
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.list_node cimport ListNode, elements_shown, new_node, shown
from geventcache.types.listpack cimport integer_width
from geventcache.types.quicklist cimport Quicklist, count_in, most_bytes_of, places_of, texts_of
from geventcache.types.ranges cimport clamp

cdef Py_ssize_t SHORT, SHORT_BYTES, SLOTS_BYTES

@cython.final
cdef class List(Quicklist):
    cpdef Py_ssize_t push_left(self, bytes value) except -1
    cpdef Py_ssize_t push_right(self, bytes value) except -1
    cpdef bytes turn(self, bint from_left, bint to_left)
    cpdef bytes get_ready(self, bint left)
    cpdef give_away(self, bint left)
    cpdef receive(self, bytes value, bint left)
    cdef put_moved(self, bytes value, bint left)
    cpdef extend_left(self, object values)
    cpdef extend_right(self, object values)
    cdef extend(self, object values, bint left)
    cpdef bytes pop_left(self)
    cpdef bytes pop_right(self)
    cpdef list pop_many(self, bint left, Py_ssize_t count)
    cpdef list slice(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef shown(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef bytes get(self, Py_ssize_t index)
    cpdef bint set(self, Py_ssize_t index, bytes value) except -1
    cdef bint is_short(self) except -1
    cdef bint stays_packed(self, Py_ssize_t size, Py_ssize_t count) except -1
