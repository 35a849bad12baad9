cimport cython
from geventcache.types.container cimport Container, untracked
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.listpack cimport entry_size
from geventcache.types.packed_list cimport PackedList
from geventcache.types.ranges cimport clamp

cdef Py_ssize_t MIN_GAP, SAFE_BYTES, SHORT, SHORT_BYTES

cdef Py_ssize_t measure(list[bytes] values) noexcept
cdef bint is_over(EncodingLimits limits, Py_ssize_t size, Py_ssize_t count, Py_ssize_t divisor) noexcept

@cython.final
cdef class List(PackedList):
    cdef list items
    cdef Py_ssize_t head
    cdef Py_ssize_t size
    cdef bint is_quicklist
    cdef EncodingLimits limits
    cpdef push_left(self, bytes value)
    cdef bint stays_packed(self, Py_ssize_t size, Py_ssize_t count) except -1
    cdef bint is_short(self) noexcept
    cdef open(self)
    cpdef push_right(self, bytes value)
    cpdef extend_left(self, object values)
    cpdef extend_right(self, object values)
    cpdef bytes pop_left(self)
    cpdef bytes pop_right(self)
    cpdef list pop_many(self, bint left, Py_ssize_t count)
    cpdef list slice(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef bytes get(self, Py_ssize_t index)
    cpdef bint set(self, Py_ssize_t index, bytes value)
    cdef void grow(self, Py_ssize_t size, Py_ssize_t count) noexcept
    cdef void shrink(self) noexcept
    cdef open_gap(self, Py_ssize_t needed)
    cdef close_gap(self)
    cdef cut(self, Py_ssize_t start, Py_ssize_t stop)
    cdef Py_ssize_t index_of(self, Py_ssize_t index) noexcept
