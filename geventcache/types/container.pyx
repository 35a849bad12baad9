# cython: language_level=3
"""What all containers have in common, compiled: container.py says what each is for."""

from geventcache.base.times import NEVER_MS

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(object)

cdef long long NEVER = NEVER_MS


cpdef list untracked(list values):
    """The same list, which the garbage collector passes over from now on: what holds no references makes no cycles.

    A collection that walked a sorted set of a million new members stalled for 30 ms.
    """
    PyObject_GC_UnTrack(values)
    return values


cdef class Container:
    """A value that holds elements and changes in place. What is a method or an attribute here is zero or none."""

    keeps_empty = False
    type_name = b""
    expired_event = b""

    cpdef long long next_deadline(self):
        """The earliest deadline of an element in milliseconds since the epoch, NEVER_MS when no element has one."""
        return NEVER

    cpdef elements_table(self):
        """The Table on which all elements stand, to be watched and looked ahead on; None if they stand elsewhere."""

    cpdef bytes pack(self):
        """The container as a run of bytes, from which `unpack` makes it anew; None if it is too large for that."""

    cpdef list expire_elements(self, long long now_ms, Py_ssize_t most, dict kept):
        """Remove up to `most` elements due at `now_ms`; return their names, about in the order of their deadlines."""
        return []

    cpdef list take_lapsed(self):
        """Elements that were due and that the running command had to remove; they are forgotten here. None for none."""
