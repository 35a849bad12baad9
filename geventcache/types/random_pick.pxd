cpdef seed(unsigned long long number)
cpdef Py_ssize_t below(Py_ssize_t limit)
