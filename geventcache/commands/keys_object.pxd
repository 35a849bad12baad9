from geventcache.services.clients cimport Client
from geventcache.types.container cimport Container
