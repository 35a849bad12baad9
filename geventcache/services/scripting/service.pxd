cimport cython
from geventcache.base.clock cimport monotonic_us
from geventcache.base.numbers cimport format_float
from geventcache.command.table cimport Command
from geventcache.resp.writer cimport ReplyWriter
from geventcache.services.clients cimport Client
from geventcache.services.scripting.door cimport Door, Host
from geventcache.services.shards.slots cimport Slots, slot_of_keys

@cython.final
cdef class Run:
    cdef readonly bytes kind
    cdef public bytes name, verdict, counted
    cdef public list request
    cdef readonly long long started_us
    cdef public long long due_us
    cdef public object escape
    cdef readonly object rules
    cdef readonly bint is_read_only, is_write, is_denied_oom, runs_queue
    cdef public bint is_out_of_memory, is_loading, has_written, is_busy, keeps_slot
    cdef public int slot
    cdef readonly tuple questions
    cpdef long long elapsed_us(self)

@cython.final
cdef class Scripting(Host):
    cdef readonly object state, cache, libraries
    cdef readonly Run running
    cdef readonly object made
    cdef readonly Client client
    cdef dict known
    cdef bint allows_tests
    cdef Door door
    cdef object engine
    cdef ReplyWriter writer
    cdef list pending
    cdef Py_ssize_t position
    cdef readonly Slots slots
    cdef call(self, list args)
    cdef value_of(self, list args)
    cdef give(self, value)
    cdef give_list(self, list values)
    cdef more(self)
    cpdef bint tick(self) except -1
