cdef Py_ssize_t MOST_NAMES, LONGEST_NAME
cdef dict known

cpdef bytes shared_name(bytes name)
