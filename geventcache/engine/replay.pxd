cimport cython
from geventcache.base.clock cimport Clock
from geventcache.command.table cimport Command, CommandTable
from geventcache.engine.engine cimport Engine
from geventcache.resp.reader cimport RequestReader
from geventcache.resp.requests cimport size_of
from geventcache.services.clients cimport Client

@cython.final
cdef class Replay:
    cdef Clock clock
    cdef Engine engine
    cdef CommandTable table
    cdef Command multi, exec, replconf
    cdef Client client
    cdef readonly long long position
    cdef object on_passed, on_ask, on_failure
    cdef RequestReader reader
    cdef readonly object waiting
    cdef readonly object unpassed
    cdef Py_ssize_t passed
    cdef list unit
    cdef Py_ssize_t unit_bytes, done
    cpdef feed(self, bytes data)
    cpdef check(self)
    cpdef step(self)
    cdef carry_out(self, list args)
    cdef bint is_special(self, Command command, list args) except -1
    cdef pass_on(self)
    cdef answer(self, list args)
    cdef take(self, Command command, list args)
    cdef run(self, list calls)

