from geventcache.types.footprint cimport bytes_size

cdef Py_ssize_t MOST_NAMES, LONGEST_NAME
cdef dict known

cpdef bytes shared_name(bytes name)
cpdef long long own_names_size(names) except *
