from geventcache.persistence.cursor cimport Cursor
from geventcache.persistence.listpack cimport Listpack, as_text, read_listpack
from geventcache.persistence.output cimport Output
from geventcache.types.stream_ids cimport make_id
from geventcache.types.stream_nodes cimport Node
from geventcache.types.streams cimport Stream
