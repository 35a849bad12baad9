from geventcache.command.geo_search cimport Search, coordinates, position, unit
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.geo cimport decode, distance, encode, format_distance
from geventcache.types.sorted_sets cimport SortedSet
