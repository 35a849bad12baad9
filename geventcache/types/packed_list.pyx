# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A list as one run, while it is short (types/packed.pyx): what packed_list.py says, compiled.

The invariant: `run` is NULL exactly if not `is_packed`; it is this object's own reference.
"""

from geventcache.base.c_api cimport PyObject, Py_DECREF, Py_INCREF
from geventcache.types.container cimport Container
from geventcache.types.entries cimport ARRAY, entries
from geventcache.types.footprint cimport bytes_size
from geventcache.types.list_node cimport ListNode
from geventcache.types.packed cimport *

cdef enum:
    FORM = 1
    MOST = 512
    MOST_BYTES = 1 << 12
    # An element takes at most so many bytes more in a listpack than in a run.
    LISTPACK_SURPLUS = 6


cdef class PackedList(Container):
    """A list that is packed or not.

    Attributes:
        is_packed: it is; the methods that say so are for that, and for nothing else.
    """

    def __dealloc__(self):
        if self.run is not NULL:
            Py_DECREF(<object>self.run)

    cdef pack_none(self):
        """Be packed and empty."""
        self.run = new_run(FORM)
        self.is_packed = True

    cdef pack_node(self, ListNode node):
        """Be packed, with the elements of a node, which are few and short; if there is no memory for that, as before."""
        cdef PyObject *run = new_run(FORM)
        try:
            node.fill(&run)
        except MemoryError:
            Py_DECREF(<object>run)
            raise
        self.run = run
        self.is_packed = True

    cpdef load_run(self, bytes run):
        """Be what was packed."""
        Py_INCREF(run)
        self.run = <PyObject *>run
        self.is_packed = True

    cdef share_run(self, PackedList other):
        """Be packed with the same elements as another that is packed; this one is."""
        Py_INCREF(<object>other.run)
        Py_DECREF(<object>self.run)
        self.run = other.run

    cdef ListNode run_node(self):
        """The elements of a list that is packed, as a node."""
        cdef ListNode node = ListNode.__new__(ListNode)
        node.load(self.run)
        return node

    cdef drop_run(self):
        """Stop being packed."""
        cdef PyObject *run = self.run
        self.run = NULL
        self.is_packed = False
        Py_DECREF(<object>run)

    cpdef bytes pack(self):
        """The run; None if the list is not packed."""
        return <bytes>self.run if self.is_packed else None

    cdef Py_ssize_t run_count(self) noexcept:
        """How many elements there are, of a list that is packed."""
        return count_of(self.run)

    cdef Py_ssize_t run_bytes(self) except -1:
        """What the run takes, of a list that is packed."""
        return bytes_size(length_of(self.run))

    cdef bint has_room(self, Py_ssize_t size, Py_ssize_t count) noexcept:
        """Would a list that is packed be short with `count` more elements of `size` bytes?"""
        return count_of(self.run) + count <= MOST and length_of(self.run) + size + 5 * count <= MOST_BYTES

    cdef Py_ssize_t most_listpack_bytes(self, Py_ssize_t size, Py_ssize_t count) noexcept:
        """What the elements of a list that is packed would take in a listpack, at most, with so many more."""
        return length_of(self.run) + size + LISTPACK_SURPLUS * (count_of(self.run) + count + 1)

    cdef push_packed(self, bytes value, bint left):
        """Add an element, for which there is room, at an end of a list that is packed."""
        cdef Encoded added
        cdef Py_ssize_t at = 0 if left else count_of(self.run)
        encode(value, &added)
        splice(&self.run, at, HEADER if left else offset_of(self.run, at), 0, 0, &added, 1)

    cdef bytes pop_packed(self, bint left):
        """Remove and return an element at an end of a list that is packed and not empty."""
        cdef Py_ssize_t at = 0 if left else count_of(self.run) - 1, offset = HEADER if left else self.last_offset()
        cdef bytes value = decode(codes_of(self.run)[at], bytes_of(self.run) + offset)
        self.drop_packed(left)
        return value

    cdef drop_packed(self, bint left):
        """Remove an element at an end of a list that is packed and not empty."""
        cdef Py_ssize_t at = 0 if left else count_of(self.run) - 1, offset = HEADER if left else self.last_offset()
        splice(&self.run, at, offset, 1, size_of(codes_of(self.run)[at], bytes_of(self.run) + offset), NULL, 0)

    cdef Py_ssize_t last_offset(self) noexcept:
        """Where the last payload of a run that is not empty begins."""
        cdef Py_ssize_t count = count_of(self.run)
        cdef unsigned char code = codes_of(self.run)[count - 1]
        if code == LONG:
            return offset_of(self.run, count - 1)
        return length_of(self.run) - count - size_of(code, NULL)

    cdef list slice_packed(self, Py_ssize_t start, Py_ssize_t stop):
        """The elements from `start` up to, not including, `stop` (indices that exist), of a list that is packed."""
        return texts(self.run, start, stop, 1)

    cdef shown_packed(self, Py_ssize_t start, Py_ssize_t stop):
        """The same elements as a reply, to be used before there is a change."""
        return entries(self.run, start, stop, ARRAY, 1)
