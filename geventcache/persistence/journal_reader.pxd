cimport cython
from geventcache.persistence.cursor cimport Cursor

cdef Py_ssize_t MOST_DIGITS

@cython.final
cdef class JournalReader:
    cdef readonly Cursor cursor
    cdef readonly object whole
    cpdef list unit(self)
    cdef list transaction(self)
    cdef list request(self)
    cdef list items(self, Py_ssize_t count)

cdef Py_ssize_t number_after(bytes line, bytes mark) except -1
cdef bint is_word(list request, bytes word) except -1
