from geventcache.persistence.cursor cimport Cursor

cdef unsigned long long END, LARGE, UNCOUNTED, ZIPLIST_HEADER

cpdef list read_ziplist(bytes data)
cdef read_element(Cursor cursor)
