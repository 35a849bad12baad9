from geventcache.command.expiration cimport is_met, parse_condition, rounded_seconds
from geventcache.command.hash_fields cimport field_deadline, read_fields, split_fields
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.hashes cimport Hash
