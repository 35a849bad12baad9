"""What tests steer a server by: its clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

ClockKind = Literal["system", "manual"]
# What is steered by its own program may be steered by local clients too, unless the settings say otherwise.
STEERABLE = {"enable_debug_command": "local"}


class SteeredClock:
    """The time of a server, which can be moved and stopped.

    All that goes by it moves along, as if the time had passed: deadlines, waiting clients, idle times. What would
    have happened has happened when a method comes back, with its messages sent.
    """

    def __init__(self, state: Any, call: Callable[[Callable[[], Any]], Any], kind: ClockKind) -> None:
        if kind not in ("system", "manual"):
            raise ValueError(f"clock is 'system' or 'manual', not {kind!r}")
        self._state = state
        self._call = call
        if kind == "manual":
            state.clock.freeze()

    def time(self) -> float:
        """The time, in seconds since the epoch."""
        now_ms: int = self._call(lambda: self._state.clock.update())
        return now_ms / 1000

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass.

        Raises:
            ValueError: time does not run backwards.
        """
        ms = math.ceil((seconds + 60 * (minutes + 60 * (hours + 24 * days))) * 1000)
        if ms < 0:
            raise ValueError("time does not run backwards; set() goes back")
        self._call(lambda: self._state.travel.advance(ms))

    def set(self, when: datetime | float) -> None:
        """Let it be a certain time, given as such or in seconds since the epoch. If that is over, nothing happens."""
        seconds = when.timestamp() if isinstance(when, datetime) else when
        self._call(lambda: self._state.travel.set(math.ceil(seconds * 1000)))

    def freeze(self) -> None:
        """Let time stand still."""
        self._call(lambda: self._state.travel.freeze())

    def resume(self) -> None:
        """Let time run on, from where it stands."""
        self._call(lambda: self._state.travel.resume())
