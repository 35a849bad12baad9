from geventcache.base.native cimport scan_integer

cpdef long long integer(bytes text) except? -1
cpdef long long small_integer(bytes text) except? -1
cpdef long long at_least(bytes text, long long least, bytes error) except? -1
