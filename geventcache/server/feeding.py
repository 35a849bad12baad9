"""Feeds those who follow this server: the stream of its history, and its backlog."""

from __future__ import annotations

from typing import Any


class Feeding:
    """The stream of one server."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.config = server.config
        self.history = self.state.replication.history

    def follow(self) -> None:
        """The stream is another server's from now on."""

    def lead(self) -> None:
        """The stream is this server's own from now on; what is due goes again."""
        self.server.expiry.arm()

    def relay(self, data: bytes) -> None:
        """Pass the stream of the primary on."""
        self.history.append(data)
        if self.history.backlog is not None:
            self.history.backlog.trim(self.config["repl-backlog-size"], self.history.position)

    def drop_replicas(self) -> None:
        """The history has another id, or is another one: who follows has to ask anew."""
