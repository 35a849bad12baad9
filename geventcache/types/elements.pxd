from geventcache.base.c_api cimport PyObject
from geventcache.base.table cimport Table
from geventcache.types.container cimport Container
from geventcache.types.limits cimport EncodingLimits

cpdef enum:
    INTSET = 0
    LISTPACK = 1
    HASHTABLE = 2

cdef class Elements(Container):
    cdef EncodingLimits limits
    cdef readonly int form
    cdef int stride
    cdef PyObject *run
    cdef Table table
    cpdef elements_table(self)
    cpdef bint has(self, bytes name) except -1
    cpdef bytes get(self, bytes name)
    cpdef bint put(self, bytes name, bytes value) except -1
    cpdef bint drop(self, bytes name) except -1
    cpdef list names(self)
    cpdef list values(self)
    cpdef dict to_dict(self)
    cpdef shown(self)
    cpdef shown_names(self)
    cpdef shown_values(self)
    cpdef become(self, int form)
    cpdef bytes random_name(self)
    cpdef list random_names(self, Py_ssize_t count)
    cpdef bytes pack(self)
    cpdef begin(self, EncodingLimits limits, int form, int stride)
    cpdef load(self, bytes run, EncodingLimits limits, int stride)
    cpdef take_over(self, Elements other)
    cdef bint has_integer(self, bytes name, Py_ssize_t *at, long long *value) noexcept
    cdef bint put_integer(self, bytes name) except -1
    cdef bint put_in_run(self, bytes name, bytes value) except -1
    cdef bint put_in_table(self, bytes name, bytes value) except -1
    cdef list integers(self)
    cdef bint is_small(self, int form, Py_ssize_t count, Py_ssize_t size) noexcept
    cdef spread(self)
    cdef Table spread_out(self)
    cpdef draw_in(self)
    cdef gather(self, int form)
    cdef replace_run(self, PyObject *run)
