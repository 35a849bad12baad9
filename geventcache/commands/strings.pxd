from geventcache.base.counters cimport added
from geventcache.command.expiration cimport deadline_of, parse_expiration
from geventcache.command.integers cimport at_least, integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace, as_string
from geventcache.types.container cimport Container
