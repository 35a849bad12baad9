"""What tests steer a server by: its clock, and its faults."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from geventcache.services.faults import AFTER, AMID, BEFORE, DELAY, DROP, ERROR, REFUSE, Fault

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


class SteeredFaults:
    """What goes wrong for the clients of a server.

    Each method lets something go wrong for every request that fits, and returns a number for `clear`. What fits is said
    by patterns with ``*``, ``?`` and ``[...]``: the command's name, or that of its container; and by keywords:

        user: the user's name.
        client: the client's name, number or address.
        key: any of the keys.
        times: how often it happens, for ever if it is not said.
        probability: that it happens to a request that fits; `seed` makes the dice fall the same way each time.
    """

    def __init__(self, state: Any, call: Callable[[Callable[[], Any]], Any]) -> None:
        self._faults = state.faults
        self._call = call

    def fail(self, command: str, text: str, **which: Any) -> int:
        """Answer with an error instead of running it: ``fail("GET", "LOADING not yet", times=3)``.

        Raises:
            ValueError: the text has several lines, or none.
        """
        if not text or "\n" in text or "\r" in text:
            raise ValueError("an error is one line of text")
        return self._add(ERROR, command=command.encode(), text=text.encode(), **which)

    def delay(self, command: str, seconds: float, **which: Any) -> int:
        """Let it wait before it runs; other clients do not."""
        return self._add(DELAY, command=command.encode(), delay_ms=math.ceil(seconds * 1000), **which)

    def close(self, command: str, when: Literal["before", "amid", "after"] = "amid", **which: Any) -> int:
        """Close the connection: before it runs, or when it has run, amid the reply or after it."""
        return self._add({"before": BEFORE, "amid": AMID, "after": AFTER}[when], command=command.encode(), **which)

    def drop(self, command: str, **which: Any) -> int:
        """Run it and send no reply."""
        return self._add(DROP, command=command.encode(), **which)

    def refuse(self, *, times: int | None = None, probability: float = 1.0, seed: int | None = None) -> int:
        """Reset new connections."""
        return self._add(REFUSE, times=times, probability=probability, seed=seed)

    def clear(self, *numbers: int) -> None:
        """Let the faults of these numbers happen no more; without one, all."""
        self._call(lambda: self._faults.clear(list(numbers) or None))

    def hits(self) -> dict[int, int]:
        """How often those that are still to happen have happened, by their numbers."""
        hits: dict[int, int] = self._call(lambda: {fault.id: fault.hits for fault in self._faults})
        return hits

    def _add(
        self,
        kind: bytes,
        *,
        user: str = "*",
        client: str = "*",
        key: str | bytes = "*",
        times: int | None = None,
        probability: float = 1.0,
        seed: int | None = None,
        **facts: Any,
    ) -> int:
        if times is not None and times < 1:
            raise ValueError("what happens happens at least once")
        pattern = key.encode() if isinstance(key, str) else key
        fault = Fault(
            kind,
            user=user.encode(),
            client=client.encode(),
            key=pattern,
            times=times or 0,
            probability=probability,
            seed=seed,
            **facts,
        )
        number: int = self._call(lambda: self._faults.add(fault))
        return number
