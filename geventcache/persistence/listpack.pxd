from geventcache.base.numbers cimport format_integer, parse_integer
from geventcache.persistence.cursor cimport Cursor

cdef unsigned int END
cdef unsigned long long UNCOUNTED
cdef Py_ssize_t SMALL

cpdef list read_listpack(bytes data)
cdef read_element(Cursor cursor, unsigned int first)
cdef read_back_length(Cursor cursor, Py_ssize_t size)
cdef bytes back_length(Py_ssize_t size)
cpdef bytes as_text(element)

cdef class Listpack:
    cdef bytearray body
    cdef readonly Py_ssize_t count
    cpdef add_number(self, long long number)
    cpdef add_text(self, bytes text)
    cdef finish(self, Py_ssize_t start)
