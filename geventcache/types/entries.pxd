from geventcache.base.c_api cimport PyObject
from geventcache.resp.writer cimport ReplyWriter, Written

cdef enum:
    # What the entries of a run are as a reply: an array, the members of a set, fields with values, members with scores.
    ARRAY = 0
    MEMBERS = 1
    MAP = 2
    SCORED = 3

cdef class Entries(Written):
    cdef bytes run
    cdef Py_ssize_t start, stop
    cdef int kind, stride
    cdef list texts(self)
    cdef list pairs(self)
    cdef header(self, ReplyWriter out)

cdef class Integers(Written):
    cdef bytes run

cdef Entries entries(PyObject *run, Py_ssize_t start, Py_ssize_t stop, int kind, int stride)
cdef Integers integers(PyObject *run)
cdef int write_entry(ReplyWriter out, unsigned char code, const char *payload) except -1
