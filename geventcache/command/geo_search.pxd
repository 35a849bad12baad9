from geventcache.command.integers cimport integer
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.geo cimport Shape
from geventcache.types.sorted_sets cimport SortedSet
