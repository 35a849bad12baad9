from geventcache.base.numbers cimport format_float, parse_float
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sorted_sets cimport SortedSet
