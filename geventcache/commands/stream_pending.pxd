from geventcache.base.numbers cimport parse_integer
from geventcache.command.effects cimport Told
from geventcache.command.integers cimport integer
from geventcache.commands.stream_parts cimport (
    active_consumer, entries_reply, range_end, range_start, stream_id, stream_ids
)
from geventcache.services.clients cimport Client
from geventcache.store.keyspace cimport Keyspace
from geventcache.types.stream_groups cimport Group
from geventcache.types.stream_ids cimport format_id, parse_strict_id
from geventcache.types.streams cimport Stream
