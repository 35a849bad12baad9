cimport cython
from geventcache.resp.writer cimport Written
from geventcache.types.container cimport Container, untracked
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.list_node cimport ListNode, shown
from geventcache.types.listpack cimport integer_width
from geventcache.types.packed_list cimport PackedList
from geventcache.types.ranges cimport clamp

cdef Py_ssize_t MIN_GAP, SAFE_BYTES, SHORT, SHORT_BYTES, MOST_COUNT, UNLIMITED, ENTRY_BYTES, SAMPLED, SLOTS_BYTES, HEADER_BYTES

cdef Py_ssize_t most_bytes_of(Py_ssize_t fill) noexcept
cdef Py_ssize_t count_in(object node) except -1
cdef list texts_of(object node)
cdef list places_of(object node, bytes value)

@cython.final
cdef class List(PackedList):
    cdef list nodes
    cdef Py_ssize_t head
    cdef Py_ssize_t length
    cdef Py_ssize_t most_bytes, most_count
    cdef bint is_quicklist
    cdef EncodingLimits limits
    cpdef push_left(self, bytes value)
    cpdef push_right(self, bytes value)
    cpdef bytes move(self, List target, bint from_left, bint to_left)
    cdef put_moved(self, bytes value, bint left)
    cpdef extend_left(self, object values)
    cpdef extend_right(self, object values)
    cpdef bytes pop_left(self)
    cpdef bytes pop_right(self)
    cpdef list pop_many(self, bint left, Py_ssize_t count)
    cpdef list slice(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef shown(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef bytes get(self, Py_ssize_t index)
    cpdef bint set(self, Py_ssize_t index, bytes value) except -1
    cdef open(self)
    cdef bint is_short(self) noexcept
    cdef bint stays_packed(self, Py_ssize_t size, Py_ssize_t count) except -1
    cdef grow(self, Py_ssize_t size, Py_ssize_t count)
    cdef become_quicklist(self)
    cdef shrink(self, Py_ssize_t divisor)
    cdef bint admits(self, object node, Py_ssize_t length) noexcept
    cdef object node_of(self, bytes value)
    cdef ListNode owned(self, Py_ssize_t at)
    cdef put(self, bytes value, bint left)
    cdef add_node(self, object node, bint left)
    cdef bytes take(self, bint left)
    cdef drop(self, bint left)
    cdef extend(self, object values, bint left)
    cdef drop_node(self, Py_ssize_t at)
    cdef open_gap(self)
    cdef close_gap(self)
    cdef (Py_ssize_t, Py_ssize_t) locate(self, Py_ssize_t index)
    cdef keep(self, Py_ssize_t start, Py_ssize_t stop)
    cdef insert_beside(self, Py_ssize_t at, Py_ssize_t offset, bytes value, bint after)
    cdef split_for(self, Py_ssize_t at, Py_ssize_t place, bytes value, bint after)
    cdef set_alone(self, Py_ssize_t at, bytes value)
    cdef set_large(self, Py_ssize_t at, Py_ssize_t offset, bytes value)
    cdef merge_around(self, Py_ssize_t at)
    cdef bint merge(self, Py_ssize_t at) except -1
