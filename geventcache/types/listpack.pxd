cdef extern from "Python.h":
    char *PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)

cdef Py_ssize_t MAX_INTEGER_LENGTH
cdef unsigned long long MAX_POSITIVE

cdef int width_of(unsigned long long magnitude, bint is_negative) noexcept
cpdef int integer_width(bytes text) noexcept
cpdef Py_ssize_t entry_size(bytes text) noexcept
