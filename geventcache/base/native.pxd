from geventcache.base.c_api cimport (
    PyByteArray_AS_STRING,
    PyByteArray_Resize,
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    llrint,
)

cdef extern from "time.h" nogil:
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int, timespec *)
    enum: CLOCK_MONOTONIC

cdef extern from *:
    """
    /* The list's own items are the arguments of the call: no tuple is made. */
    static CYTHON_INLINE PyObject *geventcache_invoke(PyObject *f, PyObject *list, Py_ssize_t start, PyObject *first) {
        PyObject *kept = PyList_GET_ITEM(list, start), *value;
        Py_INCREF(first);
        PyList_SET_ITEM(list, start, first);
        value = PyObject_Vectorcall(
            f, ((PyListObject *)list)->ob_item + start, (size_t)(PyList_GET_SIZE(list) - start), NULL);
        PyList_SET_ITEM(list, start, kept);
        Py_DECREF(first);
        return value;
    }
    """
    object invoke "geventcache_invoke"(object function, list args, Py_ssize_t start, object first)

cdef inline long long monotonic_us() noexcept:
    """Microseconds of a clock that never goes back; its zero means nothing."""
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <long long>t.tv_sec * 1_000_000 + t.tv_nsec // 1000

cdef inline bytes part(bytes data, Py_ssize_t start, Py_ssize_t size):
    """The bytes data[start : start + size], which exist."""
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + start, size)

cdef inline bytes part_of_buffer(bytearray data, Py_ssize_t start, Py_ssize_t size):
    """The same of a bytearray."""
    return PyBytes_FromStringAndSize(PyByteArray_AS_STRING(data) + start, size)

cdef inline long long nearest(double value) noexcept:
    """The nearest integer, the even one of two."""
    return llrint(value)

cpdef (long long, bint) scan_integer(bytes text) noexcept
cpdef (double, bint) scan_decimal(bytes text) noexcept
cdef long long count_ones(data, Py_ssize_t start, Py_ssize_t stop) except -1
cdef list histogram(bytearray data, Py_ssize_t kinds)
