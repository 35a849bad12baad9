from geventcache.command.integers cimport integer
from geventcache.services.clients cimport Client
from geventcache.types.stream_groups cimport Consumer, Group, PendingList
from geventcache.types.streams cimport Stream
