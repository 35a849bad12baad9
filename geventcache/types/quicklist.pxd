from geventcache.types.container cimport untracked
from geventcache.types.footprint cimport bytes_size
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.list_node cimport ListNode, new_node
from geventcache.types.packed_list cimport PackedList

cdef Py_ssize_t MIN_GAP, MANY_NODES, SAFE_BYTES, MOST_COUNT, UNLIMITED, ENTRY_BYTES, SAMPLED, HEADER_BYTES

cpdef Py_ssize_t most_bytes_of(Py_ssize_t fill) noexcept
cpdef Py_ssize_t count_in(object node) except -1
cpdef list texts_of(object node)
cpdef list places_of(object node, bytes value)

cdef class Quicklist(PackedList):
    cdef list nodes
    cdef Py_ssize_t head
    cdef Py_ssize_t length
    cdef Py_ssize_t most_bytes, most_count
    cdef bint is_quicklist
    cdef EncodingLimits limits
    cdef be_empty(self)
    cdef open(self)
    cdef list shared_nodes(self)
    cpdef node_count(self)
    cdef grow(self, Py_ssize_t size, Py_ssize_t count)
    cdef become_quicklist(self)
    cdef shrink(self, Py_ssize_t divisor)
    cdef bint admits(self, object node, Py_ssize_t length) except -1
    cdef object node_of(self, bytes value, bint left=*, Py_ssize_t room=*)
    cdef Py_ssize_t room_beside(self, Py_ssize_t at) except -1
    cdef ListNode owned(self, Py_ssize_t at)
    cdef put(self, bytes value, bint left)
    cdef add_node(self, object node, bint left)
    cdef bytes take(self, bint left)
    cdef drop(self, bint left)
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
    cdef long long nodes_size(self) except -1
