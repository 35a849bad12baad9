"""A server without sockets: clients whose requests the engine runs at once, on a clock that the test moves."""

from __future__ import annotations

from geventcache.base.clock import ManualClock
from geventcache.command.table import CommandTable
from geventcache.commands import load_commands
from geventcache.engine.engine import Engine
from geventcache.services.clients import Client
from geventcache.services.settings.config import Config
from geventcache.services.state import ServerState


class NoLog:
    """A log that keeps nothing but fails the test on a defect."""

    def info(self, event: str, **fields: object) -> None:
        """Something that went as it should."""

    def warning(self, event: str, **fields: object) -> None:
        """Something that an operator should know."""

    def error(self, event: str, **fields: object) -> None:
        """A command raised what it must not."""
        raise AssertionError(f"{event}: {fields}")


class Session:
    """One client of an `InProcessServer`."""

    def __init__(self, server: InProcessServer) -> None:
        self.server = server
        self.client: Client = server.state.new_client()
        server.state.clients.add(self.client)

    def do(self, *args: bytes | str) -> bytes:
        """Run a request and return the bytes of its reply."""
        engine = self.server.engine
        engine.begin_turn()
        engine.execute(self.client, [arg.encode() if isinstance(arg, str) else arg for arg in args])
        return engine.out.take()

    def messages(self) -> list[bytes]:
        """Take what was pushed to this client."""
        messages = list(self.client.outbox)
        self.client.outbox.clear()
        self.client.outbox_size = 0
        self.client.is_pushed_to = False
        return messages


class InProcessServer:
    """State, engine and a clock that stands still."""

    def __init__(self) -> None:
        load_commands()
        self.clock = ManualClock()
        self.config = Config()
        self.state = ServerState(self.clock, self.config, CommandTable(), NoLog())
        self.engine = Engine(self.state)

    def session(self, resp3: bool = False) -> Session:
        """A new client."""
        session = Session(self)
        session.client.resp3 = resp3
        return session
