"""HTTP beside the server: metrics and health. Nothing of it is loaded while `http` is not set."""

from __future__ import annotations

from typing import Any


def accompany(server: Any) -> None:
    """Let a server that has not started yet be seen over HTTP, if its settings ask for that."""
    if server.config["http"]:
        from geventcache.web.site import Site

        server.companions.append(Site(server))


def accompany_worker(server: Any, listening: Any, worker: int, workers: int) -> None:
    """Let one of several workers, which has not started yet, be seen through the front of all."""
    from geventcache.web.site import WorkerSite

    server.companions.append(WorkerSite(server, listening, worker, workers))
