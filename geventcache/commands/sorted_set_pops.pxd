from geventcache.command.integers cimport at_least
from geventcache.services.clients cimport Client
from geventcache.types.sorted_sets cimport SortedSet
