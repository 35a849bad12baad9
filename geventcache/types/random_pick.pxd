cimport cython
from cpython.object cimport PyObject

cdef extern from "Python.h":
    int PyDict_Next(object, Py_ssize_t *, PyObject **, PyObject **)

cdef int TRIES
cdef unsigned long long state

cdef unsigned long long next_bits() noexcept
cpdef seed(unsigned long long number)
cpdef Py_ssize_t below(Py_ssize_t limit)
cpdef object random_key(dict table, Py_ssize_t bound)
cpdef list random_keys(dict table, Py_ssize_t bound, Py_ssize_t count)
