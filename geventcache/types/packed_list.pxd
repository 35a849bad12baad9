from geventcache.base.c_api cimport PyObject
from geventcache.types.container cimport Container
from geventcache.types.list_node cimport ListNode

cdef enum:
    PACKS = 1

cdef class PackedList(Container):
    cdef readonly bint is_packed
    cdef PyObject *run
    cdef pack_none(self)
    cdef pack_node(self, ListNode node)
    cdef ListNode run_node(self)
    cdef drop_run(self)
    cdef share_run(self, PackedList other)
    cpdef load_run(self, bytes run)
    cpdef bytes pack(self)
    cdef Py_ssize_t run_count(self) noexcept
    cdef Py_ssize_t run_bytes(self) except -1
    cdef bint has_room(self, Py_ssize_t size, Py_ssize_t count) noexcept
    cdef Py_ssize_t most_listpack_bytes(self, Py_ssize_t size, Py_ssize_t count) noexcept
    cdef push_packed(self, bytes value, bint left)
    cdef bytes pop_packed(self, bint left)
    cdef drop_packed(self, bint left)
    cdef Py_ssize_t last_offset(self) noexcept
    cdef shown_packed(self, Py_ssize_t start, Py_ssize_t stop)
    cdef list slice_packed(self, Py_ssize_t start, Py_ssize_t stop)
