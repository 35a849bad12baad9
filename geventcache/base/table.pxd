cdef enum:
    ABSENT = 0
    BYTES = 1
    INTEGER = 2
    DOUBLE = 3
    TEXT = 4
    OBJECT = 5
    PACKED = 8

cdef class Tickets:
    cpdef add(self, long long ticket)
    cpdef extend(self, Tickets other, Py_ssize_t start)
    cpdef Py_ssize_t memory_usage(self)
    cpdef bint release(self, Py_ssize_t count) except -1

cdef class Table:
    cdef readonly Py_ssize_t count, volatile, objects, memory
    cpdef int seek(self, bytes key) except -1
    cpdef int redeem(self, Tickets tickets, Py_ssize_t at, long long time_ms) except -1
    cpdef bytes key(self)
    cpdef value(self)
    cpdef put(self, value)
    cpdef put_until(self, value, long long deadline_ms, long long filed_ms)
    cpdef object(self)
    cpdef put_packed(self, int kind, bytes value)
    cpdef remove(self)
    cpdef long long deadline(self)
    cpdef long long filed(self)
    cpdef set_times(self, long long deadline_ms, long long filed_ms)
    cpdef unsigned int use(self)
    cpdef note_use(self, unsigned int use)
    cpdef long long ticket(self)
    cpdef Py_ssize_t size(self)
    cpdef unsigned long long position(self, bytes key)
    cpdef tuple page(self, unsigned long long position, Py_ssize_t count)
    cpdef list keys(self, long long now_ms)
    cpdef list draw(self, Py_ssize_t count)
    cpdef random_key(self)
    cpdef sift(self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, Tickets kept)
    cpdef bint release(self, Py_ssize_t count, bury) except -1
