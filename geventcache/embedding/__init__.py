"""geventcache inside another program: a `Server` with sockets, or a `Cache` without any.

Both are the server of `geventcache.server.app`, with the settings of the command line as keyword arguments.
"""

from geventcache.embedding.cache import Cache
from geventcache.embedding.replies import ResponseError
from geventcache.embedding.server import Server

__all__ = ["Cache", "ResponseError", "Server"]
