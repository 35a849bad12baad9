from geventcache.command.sorted_ranges cimport LexRange, RangeQuery, RankRange, ScoreRange, parse_query
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.sorted_sets cimport SortedSet
