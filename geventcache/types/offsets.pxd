from cpython.array cimport array, resize_smart

cdef inline unsigned int at(array row, Py_ssize_t place) noexcept:
    """The number at a place that exists."""
    return row.data.as_uints[place]

cdef inline add(array row, unsigned int number):
    """Append a number."""
    cdef Py_ssize_t count = len(row)
    resize_smart(row, count + 1)
    row.data.as_uints[count] = number
