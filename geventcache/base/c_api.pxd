"""What is called of C and of Python's C interface: a declaration of each, and no module.

Whoever knows another module's declarations knows theirs as well. Those that come with Cython name all that there is, by
the hundred, and would be read again for each module that is compiled: a fifth of the time that Cython takes.
"""

cdef extern from *:
    """
    /* To gcc a function that does nothing but prefetch has no effect, and a call of it need not be made: hence the asm. */
    #if defined(__GNUC__)
    #define GEVENTCACHE_PREFETCH(p) do { __builtin_prefetch((const void *)(p)); __asm__ volatile(""); } while (0)
    #else
    #define GEVENTCACHE_PREFETCH(p) ((void)(p))
    #endif
    """
    void prefetch_line "GEVENTCACHE_PREFETCH"(const void *) noexcept nogil

cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass

    void Py_INCREF(object o)
    void Py_DECREF(object o)
    void Py_XDECREF(PyObject *o)
    long PyObject_Hash(object o) except? -1

    void PyErr_Clear()

    void *PyMem_Malloc(size_t size)
    void *PyMem_Realloc(void *block, size_t size)
    void PyMem_Free(void *block)

    bint PyBytes_CheckExact(object o)
    char *PyBytes_AS_STRING(object data)
    Py_ssize_t PyBytes_GET_SIZE(object data)
    bytes PyBytes_FromStringAndSize(char *data, Py_ssize_t size)
    char *PyByteArray_AS_STRING(object data)
    int PyByteArray_Resize(object data, Py_ssize_t size) except -1

    bint PyLong_CheckExact(object o)
    long long PyLong_AsLongLong(object number) except? -1
    Py_ssize_t PyLong_AsSsize_t(object number) except? -1
    bint PyFloat_CheckExact(object o)
    double PyFloat_AS_DOUBLE(object number)

    Py_ssize_t PyList_GET_SIZE(object items)
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t at)

cdef extern from "<stdint.h>" nogil:
    ctypedef signed long int64_t
    ctypedef unsigned char uint8_t
    ctypedef unsigned short uint16_t
    ctypedef unsigned int uint32_t
    ctypedef unsigned long long uint64_t
    ctypedef size_t uintptr_t

cdef extern from "<string.h>" nogil:
    int memcmp(const void *a, const void *b, size_t size)
    void *memcpy(void *to, const void *source, size_t size)
    void *memmove(void *to, const void *source, size_t size)
    void *memset(void *block, int byte, size_t size)

cdef extern from "<math.h>" nogil:
    const double INFINITY
    double nextafter(double number, double towards)
    long long llrint(double number)
    bint signbit(double number)
