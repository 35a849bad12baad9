from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
