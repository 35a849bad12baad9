"""MONITOR: every command that runs, as a line, to the clients that asked for it.

Commands of administration are not shown, and passwords neither. A script is shown before what it calls, everything else
after it ran.
"""

from __future__ import annotations

from typing import Any

from geventcache.command.secrets import redact
from geventcache.resp.inline import quoted
from geventcache.services.clients import REPLY_ON
from geventcache.services.observing.client_report import is_unix


class Monitors:
    """The clients that watch all commands of a server."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.clients: dict[Any, None] = {}

    def __len__(self) -> int:
        return len(self.clients)

    def add(self, client: Any) -> None:
        """A client watches from now on."""
        self.clients[client] = None
        client.is_monitor = True
        client.review()
        self.state.review()

    def remove(self, client: Any) -> None:
        """It watches no more, if it did."""
        if client.is_monitor:
            del self.clients[client]
            client.is_monitor = False
            client.review()
            self.state.review()

    def before_command(self, client: Any, command: Any, args: list[bytes]) -> None:
        """A command is about to run."""
        if is_script(command):
            self.show(client, command, args)

    def after_command(self, client: Any, command: Any, args: list[bytes]) -> None:
        """A command has run."""
        if command.is_loud and not command.is_admin:
            self.show(client, command, args)

    def show(self, client: Any, command: Any, args: list[bytes]) -> None:
        """Send the line of a command to all but those that want no replies."""
        line = b"+%b\r\n" % line_of(client, redact(command.declaration, args))
        for monitor in self.clients:
            if monitor.reply_mode == REPLY_ON:
                monitor.push(line)


def is_script(command: Any) -> bool:
    """Does a command run a script? It is not shown like the others."""
    return not command.is_loud and command.is_composite


def line_of(client: Any, args: list[bytes]) -> bytes:
    """One line: time, database, address, request."""
    seconds, us = divmod(client.server.clock.microseconds(), 1_000_000)
    address = b"lua" if client.is_script else (b"unix:" if is_unix(client) else b"") + client.address
    return b"%d.%06d [%d %b] %b" % (seconds, us, client.db.index, address, b" ".join(map(quoted, args)))
