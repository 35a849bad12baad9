cdef extern from "time.h" nogil:
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int, timespec *)
    enum: CLOCK_MONOTONIC

cdef class Clock:
    cdef public long long now_ms
    cdef public long long now_us
    cdef public long long offset_us
    cdef readonly bint is_frozen, is_moved
    cpdef long long update(self)
    cpdef long long update_at(self, long long us)

cdef class ManualClock(Clock):
    pass

cpdef long long monotonic_us() noexcept
