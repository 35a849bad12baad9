"""geventcache: a Redis-compatible in-memory cache server on gevent.

`Server` and `Cache` are imported when they are first asked for: the version can be read without any dependency.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geventcache.embedding import Cache, ResponseError, Server

__version__ = "0.1.0"
__all__ = ["Cache", "ResponseError", "Server", "__version__"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("geventcache.embedding"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
