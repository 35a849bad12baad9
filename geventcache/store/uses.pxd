cimport cython
from geventcache.base.clock cimport Clock
from geventcache.base.table cimport Table
from geventcache.types.random_pick cimport below

cdef long long TICK_MS, TICKS, MINUTE_MS, MINUTES
cdef unsigned int FIRST_COUNT, MOST, COUNTED

@cython.final
cdef class Uses:
    cdef Clock clock
    cdef readonly bint counts
    cdef public bint is_paused
    cdef public long long log_factor
    cdef public unsigned int decay_minutes
    cdef unsigned int beginning
    cpdef note(self, Table table)
    cpdef note_always(self, Table table)
    cpdef begin(self, Table table)
    cpdef set_frequency(self, Table table, unsigned int count)
    cpdef set_idle_ms(self, Table table, idle_ms)
    cdef unsigned int ticks(self) except? 0
    cdef unsigned int minutes(self) except? 0
    cdef unsigned int first(self) except? 0
    cdef unsigned int counted(self, unsigned int use) except? 0
    cdef unsigned int decayed(self, unsigned int use) except? 0
    cdef unsigned int noted(self, unsigned int use) noexcept
    cpdef unsigned int frequency(self, Table table) except? 0
    cdef unsigned int frequency_of(self, unsigned int use) except? 0
    cpdef long long idle_ms(self, Table table) except *
    cdef long long idle_ms_of(self, unsigned int use) except *
