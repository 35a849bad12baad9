cimport cython

cdef dict writers

@cython.final
cdef class ReplyWriter:
    cdef bytearray data
    cdef char *ptr
    cdef Py_ssize_t room
    cdef public Py_ssize_t size
    cdef public bint resp3
    cdef readonly list parts
    cdef readonly Py_ssize_t parts_size
    cdef grow(self, Py_ssize_t n)
    cdef resize(self, Py_ssize_t room)
    cdef shrink(self)
    cpdef raw(self, bytes encoded)
    cpdef number(self, char mark, long long n)
    cdef line(self, char mark, text)
    cpdef bulk(self, bytes value)
    cdef text(self, const char *address, Py_ssize_t n)
    cdef decimal(self, long long n)
    cdef large(self, bytes value)
    cpdef status(self, bytes text)
    cpdef error(self, bytes text)
    cpdef null(self)
    cpdef value(self, object v)
    cpdef items(self, object values)
    cpdef floating(self, double v)
    cpdef map_header(self, Py_ssize_t n)
    cpdef array_header(self, Py_ssize_t n)
    cpdef bytes take_buffer(self)
    cpdef exchange(self, ReplyWriter other)
    cpdef list take_parts(self)
    cpdef bytes take(self)
    cpdef Py_ssize_t mark(self)
    cpdef Py_ssize_t size_since(self, Py_ssize_t mark)
    cpdef rollback(self, Py_ssize_t mark)
    cdef reopen(self, Py_ssize_t mark)
    cpdef clear(self)

cdef class Written:
    cpdef write(self, ReplyWriter out)
    cpdef plain(self)
