from geventcache.base.numbers cimport parse_unsigned
from geventcache.command.integers cimport integer, small_integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.store.places cimport type_name_of
from geventcache.types.container cimport Container
