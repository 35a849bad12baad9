cimport cython
from geventcache.resp cimport scan
from geventcache.resp.large cimport LargeElement

cdef Py_ssize_t MAX_ELEMENTS, MAX_INLINE, MAX_ELEMENTS_UNAUTHENTICATED, MAX_BULK_UNAUTHENTICATED
cdef Py_ssize_t LARGE, ELEMENT_OVERHEAD, LONGEST_NAME, LINE_END, ROOM

@cython.final
cdef class RequestReader:
    cdef public Py_ssize_t max_bulk
    cdef public Py_ssize_t max_pending
    cdef public bint is_trusted
    cdef public bint overflown
    cdef readonly bint has_more
    cdef public object error
    cdef readonly list args
    cdef readonly Py_ssize_t multibulk_count
    cdef Py_ssize_t length
    cdef bytes tail
    cdef Py_ssize_t pending
    cdef readonly LargeElement large
    cdef object short_cut
    cpdef list feed(self, object data, Py_ssize_t size)
    cdef list parse(self, const unsigned char *p, Py_ssize_t end)
    cdef Py_ssize_t held(self) noexcept
    cpdef Py_ssize_t buffered(self)
    cdef list fail(self, list done, bytes text)
    cdef Py_ssize_t fill(self, const unsigned char *p, Py_ssize_t start, Py_ssize_t end) except -1
    cdef Py_ssize_t room(self) except -1
