cimport cython
from geventcache.command.table cimport Command
from geventcache.engine.engine cimport Engine
from geventcache.resp.writer cimport ReplyWriter
from geventcache.services.clients cimport Client
from geventcache.services.shards.hashing cimport slot_of
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.hashes cimport Hash

cdef int DOLLAR, COLON, PLUS, MINUS

@cython.final
cdef class Door:
    cdef readonly object gateway
    cdef Engine engine
    cdef ReplyWriter out
    cdef readonly list places
    cdef readonly dict reads
    cdef readonly Command string
    cdef public bint is_single, is_shut
    cdef public long long hits
    cpdef refusal(self, Command command)
    cpdef bint take(self, Client client, Command command, list args) except -1
    cdef bint answer(self, Client client, Command command, list args) except -1
    cdef bint answer_field(self, Client client, Command command, list args, Keyspace store, value) except -1

cpdef bytes field_of(bytes name, list args)
