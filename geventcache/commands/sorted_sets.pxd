from geventcache.base.numbers cimport format_float, parse_float
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sorted_sets cimport SortedSet

cdef add_pairs(Client ctx, bytes key, tuple args)
cdef set_scores(SortedSet target, members, list scores, rules)
cdef rank_of(Client ctx, bytes key, bytes member, tuple options, bint reverse)
cdef draw(Client ctx, bytes key, tuple options)
