"""The log of slow commands: a ring of the last ones, which SLOWLOG and COMMANDLOG show.

It costs nothing while no command is slow: the engine compares a call's time with one threshold and calls here when it
is exceeded. Secrets are left out, long requests are cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

from geventcache.services.config import Config

MAX_ARGUMENTS = 32
MAX_ARGUMENT = 128
REDACTED = b"(redacted)"
SECRET_SETTINGS = (b"requirepass", b"masterauth", b"masteruser")


class SlowLog:
    """The slow commands of one server.

    Attributes:
        threshold_us: what takes as long or longer is slow; negative for nothing.
    """

    def __init__(self, config: Config) -> None:
        self.next_id = 0
        self.entries: deque[list[Any]] = deque(maxlen=config["slowlog-max-len"])
        self.threshold_us: int = config["slowlog-log-slower-than"]
        config.on_change("slowlog-max-len", self.resize)

    def resize(self, size: int) -> None:
        """Keep so many entries at most, the latest ones."""
        self.entries = deque(self.entries, size)

    def __len__(self) -> int:
        return len(self.entries)

    def clear(self) -> None:
        """Forget all entries; their numbering goes on."""
        self.entries.clear()

    def note(self, client: Any, name: bytes, args: Sequence[bytes], usec: int) -> None:
        """Keep a command if it is slow.

        Args:
            client: who called.
            name: the command, as ``config|set``.
            args: its request.
            usec: how long it took, in microseconds.
        """
        if not 0 <= self.threshold_us <= usec:
            return
        request = shorten(redact(name, list(args)))
        time_s = client.server.clock.now_ms // 1000
        self.entries.append([self.next_id, time_s, usec, request, client.address, client.name])
        self.next_id += 1

    def latest(self, count: int) -> list[list[Any]]:
        """So many entries, the latest first; all of them when `count` is negative."""
        return list(islice(reversed(self.entries), None if count < 0 else count))


def redact(name: bytes, args: list[bytes]) -> list[bytes]:
    """A request without its passwords."""
    if name == b"auth":
        return [args[0]] + [REDACTED] * (len(args) - 1)
    if name == b"hello":
        return [
            REDACTED if b"auth" in (word.lower() for word in args[max(0, i - 2) : i]) else arg
            for i, arg in enumerate(args)
        ]
    if name == b"config|set":
        return [REDACTED if i > 2 and args[i - 1].lower() in SECRET_SETTINGS else arg for i, arg in enumerate(args)]
    return args


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
