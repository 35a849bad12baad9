from geventcache.command.expiration cimport any_deadline_of, is_met, parse_condition, rounded_seconds
from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
