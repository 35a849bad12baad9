cimport cython
from geventcache.command.table cimport Command
from geventcache.services.clients cimport Client
from geventcache.services.shards.hashing cimport slot_of

cdef int NONE, SEVERAL, MAX_DIGITS

cdef Py_ssize_t count_of(bytes text) except -1
cpdef int slot_of_keys(list keys) except? -1
cpdef list count_by_slot(list keys)
cpdef list keys_in_slot(list keys, int slot)

@cython.final
cdef class Slots:
    cdef readonly int first, last
    cdef readonly object redirect
    cpdef bint owns(self, int slot)
    cpdef int slot_of_request(self, Command command, list args) except? -1
    cpdef refusal(self, Client client, Command command, list args)
    cpdef queue_refusal(self, Client client, list queue)
    cpdef verdict(self, Client client, int slot)
