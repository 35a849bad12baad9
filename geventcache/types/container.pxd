cdef long long NEVER

cpdef list untracked(list values)

cdef class Container:
    cdef public long long revision, side_revision
    cdef public bint is_renamed
    cdef public long long charge
    cdef public Py_ssize_t charged_length
    cdef public bint is_volatile
    cpdef elements_table(self)
    cpdef bytes pack(self)
    cpdef long long next_deadline(self)
    cpdef list expire_elements(self, long long now_ms, Py_ssize_t most, dict kept)
    cpdef list take_lapsed(self)
