cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    char *PyByteArray_AS_STRING(object)
    object PyBytes_FromStringAndSize(const char *, Py_ssize_t)
    char *PyBytes_AS_STRING(object)
    int resize_bytes "_PyBytes_Resize"(PyObject **, Py_ssize_t) except -1

cdef extern from *:
    """
    #if CYTHON_USE_PYLIST_INTERNALS && CYTHON_ASSUME_SAFE_MACROS && CYTHON_ASSUME_SAFE_SIZE
    /* An empty list that has room for some items, and an append that fills the room: no list grows twice. */
    static CYTHON_INLINE PyObject *geventcache_roomy_list(Py_ssize_t room) {
        PyObject *list = PyList_New(room);
        if (list != NULL) Py_SET_SIZE(list, 0);
        return list;
    }
    static CYTHON_INLINE int geventcache_append(PyObject *list, PyObject *item) {
        Py_ssize_t size = Py_SIZE(list);
        if (((PyListObject *)list)->allocated <= size) return PyList_Append(list, item);
        Py_INCREF(item);
        PyList_SET_ITEM(list, size, item);
        Py_SET_SIZE(list, size + 1);
        return 0;
    }
    #else
    #define geventcache_roomy_list(room) PyList_New(0)
    #define geventcache_append PyList_Append
    #endif
    """
    list roomy_list "geventcache_roomy_list"(Py_ssize_t room)
    int append "geventcache_append"(list target, object item) except -1

cdef Py_ssize_t MAX_ELEMENTS, MAX_INLINE, MAX_ELEMENTS_UNAUTHENTICATED, MAX_BULK_UNAUTHENTICATED
cdef Py_ssize_t LARGE, FIRST_PIECE, ELEMENT_OVERHEAD, NOT_A_NUMBER, MAX_DIGITS, MAX_LENGTH, ROOM, LONGEST_NAME, COUNT_OF_NAMES
cdef list NAMES

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
    cdef PyObject *large
    cdef Py_ssize_t large_size
    cdef Py_ssize_t large_length
    cdef Py_ssize_t filled
    cpdef list feed(self, object data, Py_ssize_t size)
    cdef list parse(self, const unsigned char *p, Py_ssize_t end)
    cpdef Py_ssize_t buffered(self)
    cdef list fail(self, list done, bytes text)
    cdef bint is_filling(self)
    cdef start_large(self, Py_ssize_t length)
    cdef Py_ssize_t fill(self, const unsigned char *p, Py_ssize_t start, Py_ssize_t end) except -1
    cdef object take_large(self)
    cdef grow_large(self, Py_ssize_t needed)
    cdef Py_ssize_t room(self) except -1
    cdef char *target(self)
    cdef void advance(self, Py_ssize_t n)
