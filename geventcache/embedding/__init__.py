"""geventcache inside another program: a `Server` with sockets, or a `Cache` without any.

Both are the server of `geventcache.server.app`, with the settings of the command line as keyword arguments.
"""

from geventcache.embedding.cache import Cache
from geventcache.embedding.server import Server
from geventcache.resp.replies import ResponseError

__all__ = ["Cache", "ResponseError", "Server"]
