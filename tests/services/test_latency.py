"""The latency monitor: what counts as a spike, and how spikes are put together."""

from __future__ import annotations

from geventcache.services.observing.latency import KEPT, LatencyMonitor
from geventcache.services.settings.config import Config

from ..support.inprocess import InProcessServer


def monitor(threshold_ms: bytes) -> LatencyMonitor:
    """A monitor with a threshold."""
    config = Config()
    config.set(b"latency-monitor-threshold", threshold_ms)
    return LatencyMonitor(config)


def test_nothing_is_monitored_without_a_threshold() -> None:
    """A threshold of 0 means that nothing is a spike."""
    latency = monitor(b"0")
    latency.note(b"command", 1_000_000, 1)
    assert latency.latest() == []


def test_spikes_of_one_second_are_one() -> None:
    """Spikes within a second are one sample, the longest; sum and number count all of them."""
    latency = monitor(b"5")
    latency.note(b"command", 4_999, 1)
    latency.note(b"command", 5_000, 1)
    latency.note(b"command", 9_000, 1)
    latency.note(b"command", 7_000, 2)
    assert latency.history(b"command") == [[1, 9], [2, 7]]
    assert latency.latest() == [[b"command", 2, 7, 9, 21, 3]]


def test_reset_counts_the_events_that_were_there() -> None:
    """Reset forgets the named events, or all of them, and tells how many there were."""
    latency = monitor(b"1")
    latency.note(b"command", 1_000, 1)
    latency.note(b"fast-command", 1_000, 1)
    assert latency.reset((b"nosuch", b"command")) == 1
    assert latency.reset(()) == 1
    assert latency.history(b"command") == []


def test_samples_are_bounded() -> None:
    """Only the last samples of an event are kept."""
    latency = monitor(b"1")
    for time_s in range(KEPT + 10):
        latency.note(b"command", 1_000, time_s)
    assert len(latency.history(b"command")) == KEPT
    assert latency.history(b"command")[0] == [10, 1]


def test_calls_are_measured_unless_switched_off() -> None:
    """Every call is counted in its command's histogram, one inside EXEC as well, while latency-tracking is on."""
    server = InProcessServer()
    session = server.session()
    for request in ("PING", "MULTI", "PING", "EXEC"):
        session.do(request)
    server.config.set(b"latency-tracking", b"no")
    session.do("PING")
    ping = server.state.table.find([b"PING"])
    assert (ping.calls, ping.latency.count) == (3, 2)
