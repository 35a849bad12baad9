from geventcache.command.integers cimport integer
from geventcache.commands.stream_parts cimport entries_reply, entry_reply
from geventcache.services.clients cimport Client
from geventcache.types.stream_groups cimport Consumer, Group, PendingList
from geventcache.types.streams cimport Stream
