from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.geo cimport distance, encode
from geventcache.types.sorted_sets cimport SortedSet
