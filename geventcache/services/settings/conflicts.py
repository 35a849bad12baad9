"""Settings that contradict each other."""

from __future__ import annotations

from geventcache.services.settings.config import Config

_NEED_DATA = ("replicaof", "appendonly")


def check_upstream(config: Config) -> None:
    """Raise ValueError if a server with an upstream is to have data, or several workers."""
    if not config["upstream"]:
        return
    if config["workers"] > 1:
        raise ValueError("several workers are shards of a cluster of their own: they have no upstream")
    for name in _NEED_DATA:
        if config[name]:
            raise ValueError(f"{name} is for a server that has data: this one has an upstream")
