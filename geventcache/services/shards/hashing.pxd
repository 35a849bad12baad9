cpdef int slot_of(bytes key) except -1
cpdef bytes hashed_part(bytes key)
