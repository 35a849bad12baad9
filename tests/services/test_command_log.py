"""The logs of notable commands: what they keep, cut and leave out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from geventcache.base.clock import ManualClock
from geventcache.services.observing.command_log import CommandLog, shorten
from geventcache.services.settings.config import Config

GET = SimpleNamespace(declaration=SimpleNamespace(secrets=None, flags=frozenset()))


def client() -> SimpleNamespace:
    """A client, as far as the log looks at it."""
    server = SimpleNamespace(clock=ManualClock(5_000))
    return SimpleNamespace(server=server, address=b"1.2.3.4:5", name=b"me")


def slow_log() -> CommandLog:
    """The log of slow commands, with the settings' defaults."""
    return CommandLog(Config(), "slowlog-log-slower-than", "slowlog-max-len")


def test_entries_come_latest_first() -> None:
    """An entry has number, time in seconds, microseconds, request, address and name; the latest comes first."""
    log = slow_log()
    log.note(client(), GET, [b"GET", b"a"], 10_000)
    log.note(client(), GET, [b"GET", b"b"], 20_000)
    assert log.latest(-1) == [
        [1, 5, 20_000, [b"GET", b"b"], b"1.2.3.4:5", b"me"],
        [0, 5, 10_000, [b"GET", b"a"], b"1.2.3.4:5", b"me"],
    ]
    assert [entry[0] for entry in log.latest(1)] == [1]


@pytest.mark.parametrize(
    ("threshold_us", "usec", "is_kept"), [(0, 0, True), (5, 4, False), (5, 5, True), (-1, 99, False)]
)
def test_threshold(threshold_us: int, usec: int, is_kept: bool) -> None:
    """What takes as long as the threshold is kept; a negative threshold keeps nothing."""
    log = slow_log()
    log.set_threshold(threshold_us)
    log.note(client(), GET, [b"GET", b"a"], usec)
    assert len(log) == is_kept


def test_size_follows_the_setting() -> None:
    """The log keeps the latest entries when it is made smaller; clearing it does not start the numbering anew."""
    config = Config()
    log = CommandLog(config, "slowlog-log-slower-than", "slowlog-max-len")
    log.set_threshold(0)
    for _ in range(5):
        log.note(client(), GET, [b"GET"], 1)
    config.set(b"slowlog-max-len", b"2")
    assert [entry[0] for entry in log.latest(-1)] == [4, 3]
    log.clear()
    log.note(client(), GET, [b"GET"], 1)
    assert [entry[0] for entry in log.latest(-1)] == [5]


def test_long_requests_are_cut() -> None:
    """At most 32 arguments of at most 128 bytes are kept, and what is missing is said."""
    short = shorten([b"x" * 130] * 40)
    assert len(short) == 32
    assert short[0] == b"x" * 128 + b"... (2 more bytes)"
    assert short[-1] == b"... (9 more arguments)"
    assert shorten([b"a"] * 32) == [b"a"] * 32
