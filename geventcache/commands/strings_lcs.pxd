from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport as_string
from geventcache.types.lcs cimport CommonSubsequence
