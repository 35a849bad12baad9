cimport cython
from geventcache.engine cimport runs
from geventcache.engine.effects cimport Effects
from geventcache.engine.engine cimport Engine, take_messages
from geventcache.resp.reader cimport RequestReader
from geventcache.resp.writer cimport ReplyWriter
from geventcache.server cimport wire
from geventcache.services.clients cimport Client

cdef Py_ssize_t BACKLOG_LIMIT, UNREAD_LIMIT, BRIEF_SIZE, GATHER_SIZE
cdef long long TURN_BUDGET_US

@cython.final
cdef class Arrivals:
    cdef readonly list connections
    cdef list answered
    cdef long long since_us
    cdef readonly bint is_reversed
    cdef bint is_serving
    cdef readonly object watcher
    cpdef serve(self)
    cdef keep(self, Connection connection, long long now_us)
    cdef send(self)
    cpdef close(self)

@cython.final
cdef class Connection:
    cdef readonly object server, sock, hub, greenlet, io, writable, timer, tls
    cdef readonly Client client
    cdef Engine engine
    cdef readonly RequestReader reader
    cdef bytearray buffer
    cdef Arrivals arrivals
    cdef readonly list backlog
    cdef int fd
    cdef Py_ssize_t sent
    cdef readonly Py_ssize_t held
    cdef bytes kept
    cdef long long measured_in
    cdef readonly bint is_idle, is_reading, is_ended, is_deaf, is_broken
    cpdef arrive(self)
    cdef ready(self)
    cdef bint turn_at_once(self) except -1
    cpdef resume(self)
    cpdef wake(self)
    cpdef go_on(self)
    cdef fail(self, error)
    cdef give_up(self, error)
    cdef wait(self)
    cdef listen(self)
    cdef stop_reading(self)
    cdef bint turn(self) except -1
    cdef measure(self, list commands)
    cdef run(self, list commands)
    cdef end_effects(self)
    cdef on_hold(self)
    cpdef watch_time(self)
    cdef drop_timer(self)
    cpdef time_out(self)
    cdef bint check_reader(self) except -1
    cpdef bint end_input(self) except -1
    cdef bint is_busy(self) except -1
    cdef bint goes_on(self) except -1
    cdef bint say_goodbye(self) except -1
    cdef list pull(self)
    cdef list pull_tls(self)
    cpdef flush(self)
    cdef send_kept(self)
    cdef put_back(self, bytes rest)
    cdef Py_ssize_t send(self, data, Py_ssize_t start) except -1
    cdef bint must_wait(self) except -1
    cdef withhold(self, data)
    cpdef let_go(self, data)
    cpdef deliver(self)
    cpdef drain(self)
    cdef drain_outbox(self)
    cdef gather(self)
    cdef congest(self)
    cpdef drain_more(self)
    cdef decongest(self)
    cdef bint is_overfull(self)
    cdef lose_client(self)
    cdef forget_output(self)
    cpdef break_off(self)
