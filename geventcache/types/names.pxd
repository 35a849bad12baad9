cdef Py_ssize_t LONGEST_NAME

cpdef bytes shared_name(bytes name)
