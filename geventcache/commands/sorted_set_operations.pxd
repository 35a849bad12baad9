from geventcache.base.numbers cimport parse_float
from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sets cimport Set
from geventcache.types.sorted_sets cimport SortedSet

cdef int SUM, MIN, MAX
cdef double weighted(double weight, double score) except? -1
cdef double combined(double a, double b, int aggregate) except? -1
