from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace, as_string
from geventcache.types.hyperloglog cimport add
