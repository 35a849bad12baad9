"""The logs of notable commands: rings of the last slow ones and of those with large requests or replies.

They cost nothing while nothing is notable: the engine and the connections compare with one threshold each and call here
when it is exceeded. Secrets are left out, long requests are cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

from geventcache.command.secrets import redact
from geventcache.services.settings.config import Config

NEVER = 1 << 62
MAX_ARGUMENTS = 32
MAX_ARGUMENT = 128


class CommandLog:
    """One log of commands: those that took long, or whose request or reply was large.

    Attributes:
        threshold: what measures as much or more is kept; NEVER for nothing.
    """

    def __init__(self, config: Config, threshold: str, length: str) -> None:
        """Follow two settings: what to keep (negative for nothing), and how many of it."""
        self.next_id = 0
        self.entries: deque[list[Any]] = deque(maxlen=config[length])
        self.set_threshold(config[threshold])
        config.on_change(length, self.resize)
        config.on_change(threshold, self.set_threshold)

    def set_threshold(self, threshold: int) -> None:
        """Keep what measures as much or more, nothing if the threshold is negative."""
        self.threshold = threshold if threshold >= 0 else NEVER

    def resize(self, size: int) -> None:
        """Keep so many entries at most, the latest ones."""
        self.entries = deque(self.entries, size)

    def __len__(self) -> int:
        return len(self.entries)

    def clear(self) -> None:
        """Forget all entries; their numbering goes on."""
        self.entries.clear()

    def note(self, client: Any, command: Any, args: Sequence[bytes], measure: int) -> None:
        """Keep a command if it measures enough, unless its declaration keeps it out (EXEC: what it ran is looked at).

        Args:
            client: who called.
            command: the Command.
            args: its request.
            measure: how long it took in microseconds, or how large it is in bytes.
        """
        if measure < self.threshold or "skip_commandlog" in command.declaration.flags:
            return
        request = shorten(redact(command.declaration, args))
        time_s = client.server.clock.real_ms() // 1000
        self.entries.append([self.next_id, time_s, measure, request, client.address, client.name])
        self.next_id += 1

    def latest(self, count: int) -> list[list[Any]]:
        """So many entries, the latest first; all of them when `count` is negative."""
        return list(islice(reversed(self.entries), None if count < 0 else count))


def shorten(args: list[bytes]) -> list[bytes]:
    """A request of bounded size, with what is left out counted."""
    if len(args) > MAX_ARGUMENTS:
        kept = MAX_ARGUMENTS - 1
        return [*map(cut, args[:kept]), b"... (%d more arguments)" % (len(args) - kept)]
    return [cut(arg) for arg in args]


def cut(arg: bytes) -> bytes:
    """An argument of bounded length."""
    if len(arg) <= MAX_ARGUMENT:
        return arg
    return arg[:MAX_ARGUMENT] + b"... (%d more bytes)" % (len(arg) - MAX_ARGUMENT)
