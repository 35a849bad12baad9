from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport as_string
