from geventcache.services.clients cimport Client
from geventcache.services.pubsub cimport Names
