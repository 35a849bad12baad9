from geventcache.base.numbers cimport parse_float
from geventcache.persistence.cursor cimport Cursor
from geventcache.persistence.listpack cimport as_text
from geventcache.types.hashes cimport Hash
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.lists cimport List
from geventcache.types.sets cimport Set
from geventcache.types.sorted_sets cimport SortedSet

cdef Hash new_hash(unsigned long long count, EncodingLimits limits)
cdef add_field(Hash value, bytes field, bytes text)
