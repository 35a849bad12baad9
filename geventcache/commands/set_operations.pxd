from geventcache.command.integers cimport at_least
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sets cimport Set
