"""geventcache: a Redis-compatible in-memory cache server on gevent."""

__version__ = "0.1.0"
