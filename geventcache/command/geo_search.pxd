from geventcache.base.numbers cimport parse_float, parse_integer
from geventcache.command.integers cimport integer
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.geo cimport (
    Box, Circle, Polygon, Shape, decode, format_coordinate, format_distance, is_position, score_ranges
)
from geventcache.types.sorted_sets cimport SortedSet


cpdef double number(bytes text, bytes error=*) except? -1
cpdef (double, double) position(bytes longitude, bytes latitude) except *
cpdef double unit(bytes text) except? -1
cpdef double radius(bytes text) except? -1
cpdef coordinates(double score)

cdef class Search:
    cdef readonly SortedSet source
    cdef public object centre
    cdef public bytes centre_word, shape_word, store
    cdef object kind
    cdef tuple measures
    cdef double unit
    cdef Py_ssize_t count
    cdef bint is_any
    cdef int order
    cdef bint with_distance, with_hash, with_position, stores_distance
    cpdef centre_at_member(self, bytes member)
    cpdef within_radius(self, bytes length, bytes unit_name)
    cdef within_box(self, bytes width, bytes height, bytes unit_name)
    cdef within_polygon(self, tuple corners)
    cdef bint wants_details(self) noexcept
    cpdef take_all(self, tuple args, tuple takers)
    cpdef check(self, bytes name, bytes store_name)
    cdef list run(self)
    cdef list collect(self, Shape shape, Py_ssize_t limit)
    cdef shown(self, tuple one)
    cpdef answer(self, Keyspace db, bytes event)
