from geventcache.base cimport native

cdef class Clock:
    cdef public long long now_ms
    cdef public long long now_us
    cdef public long long offset_us
    cdef readonly bint is_frozen, is_moved
    cdef long long kept_ms
    cpdef long long update(self)
    cpdef long long update_at(self, long long us)
    cpdef stand_still(self)
    cpdef go_on(self)
    cpdef long long real_ms(self) except? -1

cdef class ManualClock(Clock):
    pass

cpdef long long monotonic_us() noexcept
