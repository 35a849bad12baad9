from geventcache.persistence.cursor cimport Cursor
from geventcache.persistence.listpack cimport Listpack, as_text
from geventcache.persistence.output cimport Output
from geventcache.types.stream_nodes cimport Node
from geventcache.types.streams cimport Stream
