from geventcache.command.integers cimport integer
from geventcache.commands.stream_parts cimport entries_reply, range_end, range_start, stream_id, stream_ids, tell
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.stream_ids cimport format_halves, parse_new_id
from geventcache.types.streams cimport Stream

cdef unsigned long long MAX_HALF

cdef append(Client ctx, Stream stream, bytes id_text, halves, tuple fields)
cdef read_range(Client ctx, bytes key, object start, object end, tuple options, bint reverse)
