cpdef (Py_ssize_t, Py_ssize_t) clamp(Py_ssize_t start, Py_ssize_t stop, Py_ssize_t size) noexcept
