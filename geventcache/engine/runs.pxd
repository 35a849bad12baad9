from geventcache.engine.engine cimport Engine
from geventcache.services.clients cimport Client

cdef Py_ssize_t run(Engine engine, Client client, list commands, long long limit_us) except -1
