from geventcache.base.numbers cimport parse_float
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.services.shards.hashing cimport hashed_part, slot_of
from geventcache.store.keyspace cimport Keyspace, as_string
