# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Entries of runs (types/packed.pyx) as replies: their bytes go from the run into the buffer, and no object is made.

A run that a reply holds is not changed: its owner makes a copy first.
"""

from geventcache.base.c_api cimport PyObject
from geventcache.resp.writer cimport ReplyWriter, Written
from geventcache.types.packed cimport *

from geventcache.resp.values import Distinct, Pairs


cdef int write_entry(ReplyWriter out, unsigned char code, const char *payload) except -1:
    """Append an entry, which is no double, as a bulk string."""
    if code <= LONGEST_TEXT:
        out.text(payload, code)
    elif code == LONG:
        out.text(payload + 4, size_of(code, payload) - 4)
    else:
        out.decimal(read_number(payload, number_sizes[code - INT8]))
    return 0


cdef int write_score(ReplyWriter out, unsigned char code, const char *payload) except -1:
    """Append an entry as a score."""
    if code == REAL or out.resp3:
        out.floating(decode_score(code, payload))
    else:
        out.decimal(read_number(payload, number_sizes[code - INT8]))
    return 0


cdef Entries entries(PyObject *run, Py_ssize_t start, Py_ssize_t stop, int kind, int stride):
    """Every `stride`-th entry of a run, from `start` up to, not including, `stop`."""
    cdef Entries made = Entries.__new__(Entries)
    made.run = <bytes>run
    made.start = start
    made.stop = max(start, stop)
    made.kind = kind
    made.stride = stride
    return made


cdef Integers integers(PyObject *run):
    """The members of a run of integers."""
    cdef Integers made = Integers.__new__(Integers)
    made.run = <bytes>run
    return made


cdef class Entries(Written):
    """Entries of a run."""

    cpdef write(self, ReplyWriter out):
        """Append the reply."""
        cdef PyObject *run = <PyObject *>self.run
        cdef const char *payload
        cdef const unsigned char *codes = codes_of(run)
        cdef Py_ssize_t at, i
        self.header(out)
        if self.start == self.stop:
            return
        payload = bytes_of(run) + offset_of(run, self.start)
        for at in range(self.start, self.stop, self.stride):
            if self.kind == SCORED and out.resp3:
                out.array_header(2)
            write_entry(out, codes[at], payload)
            payload += size_of(codes[at], payload)
            if self.kind == SCORED:
                write_score(out, codes[at + 1], payload)
            elif self.kind == MAP:
                write_entry(out, codes[at + 1], payload)
            for i in range(at + 1, min(at + self.stride, self.stop)):
                payload += size_of(codes[i], payload)

    cdef header(self, ReplyWriter out):
        """Append what stands in front of the entries."""
        cdef Py_ssize_t count = (self.stop - self.start + self.stride - 1) // self.stride
        if self.kind == MAP:
            out.map_header(count)
        elif self.kind == SCORED and not out.resp3:
            out.array_header(2 * count)
        else:
            out.number(c"~" if self.kind == MEMBERS and out.resp3 else c"*", count)

    cpdef plain(self):
        """The reply as a value of Python's."""
        if self.kind == MAP:
            return dict(self.pairs())
        if self.kind == SCORED:
            return Pairs(self.pairs())
        return Distinct(self.texts()) if self.kind == MEMBERS else self.texts()

    cdef list texts(self):
        """The entries."""
        cdef PyObject *run = <PyObject *>self.run
        return texts(run, self.start, self.stop, self.stride)

    cdef list pairs(self):
        """The entries, each with what belongs to it."""
        cdef PyObject *run = <PyObject *>self.run
        cdef const char *payload = bytes_of(run) + offset_of(run, self.start)
        cdef const unsigned char *codes = codes_of(run)
        cdef Py_ssize_t at
        cdef list found = []
        for at in range(self.start, self.stop, 2):
            name = decode(codes[at], payload)
            payload += size_of(codes[at], payload)
            if self.kind == SCORED:
                found.append((name, decode_score(codes[at + 1], payload)))
            else:
                found.append((name, decode(codes[at + 1], payload)))
            payload += size_of(codes[at + 1], payload)
        return found


cdef class Integers(Written):
    """The members of a set of integers."""

    cpdef write(self, ReplyWriter out):
        """Append the reply."""
        cdef PyObject *run = <PyObject *>self.run
        cdef Py_ssize_t at
        out.number(c"~" if out.resp3 else c"*", count_of(run))
        for at in range(count_of(run)):
            out.decimal(integer_at(run, at))

    cpdef plain(self):
        """The reply as a value of Python's."""
        cdef PyObject *run = <PyObject *>self.run
        cdef Py_ssize_t at
        return Distinct([decimal(integer_at(run, at)) for at in range(count_of(run))])
