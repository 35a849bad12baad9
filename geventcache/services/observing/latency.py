"""The latency monitor: the last spikes of each kind of event, which LATENCY shows.

An event is a spike when it takes `latency-monitor-threshold` milliseconds or longer; 0 switches the monitor off. Spikes
within one second count as one, the longest.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from geventcache.services.settings.config import Config

KEPT = 160


class Spikes:
    """The spikes of one kind of event.

    Attributes:
        samples: of [time in seconds, milliseconds], at most KEPT.
        maximum_ms: the longest spike so far; total_ms, count: of all spikes so far.
    """

    def __init__(self) -> None:
        self.samples: deque[list[int]] = deque(maxlen=KEPT)
        self.maximum_ms = 0
        self.total_ms = 0
        self.count = 0

    def add(self, time_s: int, ms: int) -> None:
        """A spike."""
        self.maximum_ms = max(self.maximum_ms, ms)
        self.total_ms += ms
        self.count += 1
        if self.samples and self.samples[-1][0] == time_s:
            self.samples[-1][1] = max(self.samples[-1][1], ms)
        else:
            self.samples.append([time_s, ms])


class LatencyMonitor:
    """The spikes of one server, by event."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.events: dict[bytes, Spikes] = {}

    @property
    def threshold_us(self) -> int:
        """From how many microseconds on an event is a spike; 0 when nothing is monitored."""
        return int(self.config["latency-monitor-threshold"]) * 1000

    def note(self, event: bytes, usec: int, time_s: int) -> None:
        """An event took so many microseconds."""
        if 0 < self.threshold_us <= usec:
            self.events.setdefault(event, Spikes()).add(time_s, usec // 1000)

    def reset(self, events: tuple[bytes, ...]) -> int:
        """Forget some events, or all when none is named; return how many there were."""
        return sum(self.events.pop(event, None) is not None for event in events or tuple(self.events))

    def latest(self) -> list[list[Any]]:
        """Each event with the time of its last spike, that spike, the longest, the sum and the number of all."""
        return [
            [event, *spikes.samples[-1], spikes.maximum_ms, spikes.total_ms, spikes.count]
            for event, spikes in self.events.items()
        ]

    def history(self, event: bytes) -> list[list[int]]:
        """Time and milliseconds of the last spikes of an event."""
        return [list(sample) for sample in self.events[event].samples] if event in self.events else []
