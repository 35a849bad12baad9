from geventcache.base.numbers cimport parse_float
from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sets cimport Set
from geventcache.types.sorted_sets cimport SortedSet
