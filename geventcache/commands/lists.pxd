from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.lists cimport List

cdef long long INT64_MAX

cdef push_to(List target, bytes value, tuple values, bint left)
cdef push_existing(Client ctx, bytes key, bytes value, tuple values, bint left)
cdef pop(Client ctx, bytes key, bytes count, bint left)
cdef pop_counted(Client ctx, bytes key, Py_ssize_t count, bint left)
cdef long long invertible(bytes text) except? -1
