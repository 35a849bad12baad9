from libc cimport math
from geventcache.base cimport native

cdef int MAX_STEP
cdef double MAX_LONGITUDE, MAX_LATITUDE, FULL_LATITUDE, EARTH_RADIUS, HALF_EQUATOR, RADIANS, SAME_LONGITUDE
cdef unsigned long long SPREAD_32, SPREAD_16, SPREAD_8, SPREAD_4, SPREAD_2, SPREAD_1

cdef unsigned long long spread(unsigned long long number) noexcept
cdef unsigned long long gather(unsigned long long number) noexcept
cdef unsigned long long cell_of(double degrees, double limit, int step) noexcept
cdef double edge_of(long long cell, double limit, int step) noexcept
cdef double centre_of(long long cell, double limit) noexcept
cpdef bint is_position(double longitude, double latitude) noexcept
cpdef double encode(double longitude, double latitude) noexcept
cpdef (double, double) decode(double score) noexcept
cpdef double distance(double longitude, double latitude, double longitude_2, double latitude_2) noexcept
cpdef bytes format_distance(double value)
cpdef bytes format_coordinate(double value)
cdef double latitude_distance(double latitude, double latitude_2) noexcept
cdef int step_for(double reach, double latitude) noexcept
cdef unsigned long long moved(unsigned long long cell, int by, int step) noexcept

cdef class Shape:
    cdef readonly double longitude
    cdef readonly double latitude
    cdef readonly double west
    cdef readonly double south
    cdef readonly double east
    cdef readonly double north
    cdef readonly double reach
    cpdef double distance_to(self, double longitude, double latitude) except? -2.0
    cdef bound(self, double half_width, double half_height)

cdef class Circle(Shape):
    pass

cdef class Box(Shape):
    cdef double half_width
    cdef double half_height

cdef class Polygon(Shape):
    cdef readonly list corners
    cdef find_centre(self)
    cdef bint surrounds(self, double longitude, double latitude) except -1

cdef bint is_covered(Shape shape, unsigned long long x, unsigned long long y, int step) noexcept
cdef list useful_moves(Shape shape, unsigned long long x, unsigned long long y, int step)
cpdef list score_ranges(Shape shape)
