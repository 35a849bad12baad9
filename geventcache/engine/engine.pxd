cimport cython
from geventcache.base cimport native
from geventcache.base.clock cimport Clock, monotonic_us
from geventcache.command.effects cimport Told
from geventcache.command.table cimport Command, CommandTable
from geventcache.engine.effects cimport Effects
from geventcache.resp.writer cimport ReplyWriter, Written
from geventcache.services.clients cimport Client
from geventcache.services.shards.slots cimport Slots
from geventcache.store.changes cimport Changes
from geventcache.store.keyspace cimport Keyspace
from geventcache.base.table cimport Table

cdef Py_ssize_t AHEAD
cdef char INTEGER
cdef long long MILLISECOND_US
cdef int REPLY_ON, REPLY_SKIP, REPLY_SKIP_NEXT

@cython.final
cdef class Engine:
    cdef public object state
    cdef readonly Clock clock
    cdef readonly object spelling
    cdef readonly CommandTable table
    cdef readonly ReplyWriter out
    cdef ReplyWriter aside
    cdef object waiters
    cdef dict ready
    cdef readonly object gate
    cdef public bint is_special
    cdef readonly Slots slots
    cdef public object upstream
    cdef public Client current
    cdef readonly Changes changes
    cdef readonly Effects effects
    cdef public long long slow_us, large_request, large_reply
    cdef readonly long long last_us
    cdef long long tick_us
    cdef readonly list pushed
    cdef readonly list chores
    cdef Py_ssize_t mark
    cpdef begin_turn(self)
    cdef bint may_wait(self, list commands) except -1
    cpdef Py_ssize_t look_ahead(self, Client client, list commands, Py_ssize_t start) except -1
    cpdef execute(self, Client client, list args)
    cpdef abandon(self)
    cdef doubt(self)
    cdef perform(self, Client client, Command command, list args)
    cdef defect(self, Command command, error)
    cdef finish(self, Client client, Command command, list args)
    cdef reject(self, Client client, list args, Command command)
    cdef overrun(self, Client client, Command command, list args)
    cpdef refuse(self, Client client, Command command, bytes text)
    cdef fail(self, Command command, error)
    cdef bint admit(self, Client client, Command command, list args) except -1
    cdef bint is_elsewhere(self, Client client, Command command, list args) except -1
    cdef follow_up(self, Client client)
    cdef answer(self, Client client, value)
    cdef withhold(self, Client client)
    cpdef cut_reply(self, bint leaves_half)
    cpdef pass_over(self, Client client)
    cpdef call(self, Client client, Command command, list args)
    cpdef call_as(self, Client caller, Client client, Command command, list args)
    cpdef call_within(self, Client client, Command command, list args)
    cdef plain(self, Command command, value)
    cpdef run_queue(self, Client client, list queue)
    cdef value_of(self, Client client, Command command, list args, tuple questions)
    cdef park(self, Client client, Command command, list args, wait)
    cpdef serve_waiters(self)
    cdef retry(self, Client client, wait)
    cpdef unblock(self, Client client, value)
    cdef release(self, Client client, value)
    cpdef time_out(self, Client client)
    cpdef send(self, Client client, value)
    cdef lose(self, Client client, error)
    cpdef list replay(self, Client client, list calls)
    cpdef tuple set_aside(self)
    cpdef put_back(self, tuple kept)

cpdef list take_messages(Client client, Py_ssize_t count)
