from geventcache.services.clients cimport Client
