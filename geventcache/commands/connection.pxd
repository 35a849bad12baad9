from geventcache.base.numbers cimport parse_integer
from geventcache.command.integers cimport small_integer
from geventcache.services.clients cimport Client
