from geventcache.command.integers cimport at_least
from geventcache.services.clients cimport Client
from geventcache.types.sorted_sets cimport SortedSet

cdef pop(Client ctx, bytes key, tuple count, bint last)
cdef pop_counted(Client ctx, bytes key, tuple count, bint last)
