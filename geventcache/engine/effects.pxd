cimport cython
from geventcache.base.clock cimport Clock
from geventcache.command.effects cimport Told
from geventcache.command.table cimport Command
from geventcache.resp.requests cimport RequestBuffer
from geventcache.store.changes cimport Changes

cdef class Sink:
    cdef public bint takes_messages, holds_replies
    cpdef note(self, Py_ssize_t index, list requests)
    cpdef note_one(self, Py_ssize_t index, list request)
    cpdef lose(self)

cdef class EffectStream(Sink):
    cdef RequestBuffer requests
    cdef readonly long long noted
    cdef public Py_ssize_t selected
    cpdef note(self, Py_ssize_t index, list requests)
    cpdef note_one(self, Py_ssize_t index, list request)
    cdef write(self, Py_ssize_t index, list request, list requests)
    cpdef remark(self, bytes text)
    cpdef begin(self)
    cpdef list take(self)

@cython.final
cdef class Effects:
    cdef readonly Clock clock
    cdef readonly Changes changes
    cdef readonly list sinks
    cdef readonly list unit
    cdef readonly Py_ssize_t depth
    cdef readonly long long told
    cdef readonly bint is_losing
    cdef public bint is_held, is_behind
    cdef Py_ssize_t begin(self) noexcept
    cdef end(self, Py_ssize_t depth)
    cdef abandon(self)
    cdef doubt(self)
    cpdef lose(self)
    cdef note(self, index, Command command, list args, value, Told told)
    cpdef repeat(self, index, list request)
    cdef take_in(self, index, Command command, list args, value, Told told)
    cdef complete(self)
    cdef share(self, list unit)
    cdef hand_over(self, Py_ssize_t index, list requests)
    cdef hand_over_one(self, Py_ssize_t index, list request)
    cdef give(self, Sink sink, Py_ssize_t index, list requests)

cdef list requests_of(list unit)
