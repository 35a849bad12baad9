from geventcache.base.counters cimport added
from geventcache.command.effects cimport Told
from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.hashes cimport Hash
from geventcache.types.random_pick cimport below
