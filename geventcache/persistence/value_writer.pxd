from geventcache.persistence.output cimport Output
from geventcache.store.keyspace cimport as_string
