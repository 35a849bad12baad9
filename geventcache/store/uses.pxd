cimport cython
from cpython.array cimport array
from geventcache.base.clock cimport Clock
from geventcache.types.random_pick cimport below

cdef Py_ssize_t PLACES_A_KEY, FEWEST_PLACES, PLACE_BYTES
cdef long long TICK_MS, TICKS, MINUTE_MS, MINUTES
cdef unsigned int FIRST_COUNT, MOST

cdef unsigned int *words(array table) noexcept

@cython.final
cdef class Uses:
    cdef Clock clock
    cdef readonly bint counts
    cdef public bint is_paused
    cdef public long long log_factor
    cdef public unsigned int decay_minutes
    cdef readonly Py_ssize_t places
    cdef readonly list tables
    cdef array new_table(self, Py_ssize_t size)
    cpdef touch(self, bytes key)
    cpdef note(self, bytes key)
    cpdef begin(self, bytes key, Py_ssize_t size)
    cdef set_place(self, bytes key, unsigned int noted)
    cdef unsigned int ticks(self) noexcept
    cdef unsigned int minutes(self) noexcept
    cdef unsigned int first(self) noexcept
    cdef unsigned int counted(self, unsigned int place) except *
    cdef unsigned int decayed(self, unsigned int place) noexcept
    cdef unsigned int place(self, bytes key) noexcept
    cpdef unsigned int frequency(self, bytes key) except *
    cpdef long long idle_ms(self, bytes key) except *
