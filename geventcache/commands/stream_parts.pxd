from geventcache.store.keyspace cimport Keyspace
from geventcache.types.stream_groups cimport Consumer, Group
from geventcache.types.stream_ids cimport format_id, parse_range_end, parse_range_start, parse_strict_id
from geventcache.types.streams cimport Stream

cpdef object stream_id(bytes text)
cpdef list stream_ids(texts)
cpdef object range_start(bytes text)
cpdef object range_end(bytes text)
cpdef list entries_reply(list entries)
cpdef Consumer active_consumer(Keyspace db, bytes key, Stream stream, Group group, bytes name)
