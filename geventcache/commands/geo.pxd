from geventcache.command.geo_search cimport Search, coordinates, position, unit
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.geo cimport decode, distance, encode, format_distance
from geventcache.types.sorted_sets cimport SortedSet



cdef double score_of(bytes longitude, bytes latitude) except? -1
cdef add_positions(Client ctx, bytes key, tuple args)
cdef around(Client ctx, Search search, tuple args, bint is_storing)
