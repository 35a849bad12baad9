"""What the page shows as moving charts: counters and sizes, as one look a second takes them.

The rules:

- Counters only grow, and histograms are counts by slot: who looks takes the difference to the look before, so that the
  server keeps nothing for those who look.
- Nothing here goes through all keys or all that a client holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from geventcache import __version__
from geventcache.base.histogram import Histogram, slot_of, upper_bound
from geventcache.services.replication import facts


def live(server: Any) -> dict[str, Any]:
    """A look at a server."""
    state = server.state
    spaces = state.databases.existing()
    called = [command for command in state.table.all() if command.calls]
    worker = state.expiry
    return {
        "version": __version__,
        "run_id": state.stats.run_id,
        "address": " ".join(map(str, server.addresses)),
        "now_ms": state.clock.now_ms,
        "uptime_s": state.stats.uptime_seconds(),
        "commands": sum(command.calls for command in called),
        "errors": state.stats.error_replies,
        "hits": sum(one.hits for one in spaces),
        "misses": sum(one.misses for one in spaces),
        "expired": sum(one.expired for one in spaces),
        "evicted": sum(one.evicted for one in spaces),
        "bytes_in": state.traffic("bytes_in"),
        "bytes_out": state.traffic("bytes_out"),
        "memory": state.memory.used,
        "resident": state.memory.resident,
        "memory_limit": state.config["maxmemory"],
        "clients": len(state.clients),
        "blocked": len(state.waiters),
        "queue": worker.depth,
        "fallbacks": worker.fallbacks,
        "latency_us": slots(command.latency for command in called if command.latency is not None),
        "lag_ms": slots([worker.lags]),
        "top": [[command.name.decode(), command.calls, command.usec] for command in called],
        "replication": replication(state),
        "databases": [[one.index, len(one), one.volatile] for one in spaces if len(one)],
    }


def replication(state: Any) -> dict[str, Any]:
    """What INFO tells of replication, while there is some."""
    is_idle = state.replication.primary is None and not state.replication.replicas
    return {} if is_idle else facts.fields(state)


def slots(histograms: Iterable[Histogram]) -> dict[int, int]:
    """How many values of all histograms are in each slot, by the largest that it counts."""
    found: dict[int, int] = {}
    for histogram in histograms:
        for value, times in histogram.buckets():
            bound = upper_bound(slot_of(value))  # the largest value of all is told as itself
            found[bound] = found.get(bound, 0) + times
    return found
