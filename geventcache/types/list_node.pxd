from geventcache.base.c_api cimport PyObject
from geventcache.resp.writer cimport ReplyWriter, Written
from geventcache.types.packed cimport Encoded

cpdef list elements_shown(object reply)
cpdef object shown(list nodes, Py_ssize_t at, Py_ssize_t place, Py_ssize_t count)

cdef class ListNode:
    cdef char *block
    cdef int room, front, back, tail, least_room
    cdef readonly int count, size
    cdef public bint is_shared
    cdef push(self, bytes value, bint left)
    cdef bytes pop(self, bint left)
    cdef bytes get(self, Py_ssize_t at)
    cdef insert(self, Py_ssize_t at, bytes value)
    cdef replace(self, Py_ssize_t at, bytes value)
    cdef void delete(self, Py_ssize_t start, Py_ssize_t stop) noexcept
    cdef int delete_places(self, list places) except -1
    cdef absorb(self, ListNode other)
    cdef ListNode part(self, Py_ssize_t start, Py_ssize_t stop)
    cdef list texts(self, Py_ssize_t start, Py_ssize_t stop)
    cdef list places(self, bytes value)
    cdef void fit(self) noexcept
    cdef Py_ssize_t used(self) noexcept
    cdef Py_ssize_t memory_usage(self) except -1
    cdef int load(self, PyObject *run) except -1
    cdef int fill(self, PyObject **run) except -1
    cdef unsigned char *codes(self) noexcept
    cdef Py_ssize_t offset_of(self, Py_ssize_t at) noexcept
    cdef void place(self, Py_ssize_t at, const Encoded *entry) noexcept
    cdef int make_room(self, Py_ssize_t size, Py_ssize_t count, bint left) except -1
    cdef bint arrange(self, Py_ssize_t room, Py_ssize_t front, Py_ssize_t tail) noexcept
    cdef int write(self, ReplyWriter out, Py_ssize_t start, Py_ssize_t stop) except -1

cpdef ListNode new_node(Py_ssize_t room=*)

cdef class NodeEntries(Written):
    cdef list nodes
    cdef Py_ssize_t place, count
