"""HTTP beside the server: metrics and health. Nothing of it is loaded while `http` is not set."""

from __future__ import annotations

from typing import Any


def accompany(server: Any) -> None:
    """Let a server that has not started yet be seen over HTTP, if its settings ask for that."""
    if server.config["http"]:
        from geventcache.web.site import Site

        server.companions.append(Site(server))
