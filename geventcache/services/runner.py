"""What services ask of the engine, which is above them: a protocol, so that no import goes up.

`ServerState.engine` is one. What calls commands (scripts, MIGRATE, a journal) does it through this, and what has to
know whose command runs finds it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from geventcache.services.clients import Client


class Questions(Protocol):
    """The gate, as far as services ask it; `geventcache.engine.gate` says more."""

    def review(self) -> bool:
        """Find out anew what has to be asked; return whether it has to be of every client."""

    def script_refusal(self, caller: Client, run: Any) -> bytes | None:
        """The error text that refuses a script that a client wants to run, or None."""

    def of_script(self) -> tuple[Callable[..., bytes | None], ...]:
        """What has to be asked of the commands of the script that is about to begin."""


class Runner(Protocol):
    """What runs commands; `geventcache.engine.engine` says more.

    Attributes:
        gate: what is asked before a command runs.
        current: the client whose command runs, None between commands.
        spelling: the name of the command that began last, as it was sent.
        is_special: the gate looks at every command.
        slow_us, large_request, large_reply: from when on a command is reported.
    """

    gate: Questions
    current: Client | None
    spelling: bytes
    is_special: bool
    slow_us: int
    large_request: int
    large_reply: int

    def call(self, client: Client, command: Any, args: list[bytes]) -> Any:
        """Call a command that may run; return its value.

        Raises:
            CommandError: the command's own.
        """

    def call_as(self, caller: Client, client: Client, command: Any, args: list[bytes]) -> Any:
        """Call a command for the server itself; meanwhile `caller` is the client whose command runs. See `call`."""

    def replay(self, client: Client, calls: Iterable[Any]) -> Iterable[Any]:
        """Run what a journal or a primary says, as it is."""

    def run_queue(self, client: Client, queue: list[Any]) -> None:
        """Run what MULTI queued, and write the reply."""

    def send(self, client: Client, value: Any) -> None:
        """Send a value to a client outside of its own turn."""

    def unblock(self, client: Client, value: Any) -> None:
        """The call of a parked client ends with a value."""

    def time_out(self, client: Client) -> None:
        """A parked client's time is over."""

    def cut_reply(self, leaves_half: bool) -> None:
        """A fault: the reply of the running command is not sent as a whole."""

    def mute(self) -> Any:
        """Take no effects for a time; return what `unmute` needs."""

    def unmute(self, effects: Any) -> None:
        """Take effects again."""
