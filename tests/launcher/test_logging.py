"""Logs are thinned, bounded, never in the way, and complete at the end where the sink allows it."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geventcache.launcher.logging import FileSink, Logs, LogWriter, RateLimiter, SinkWriter, start
from geventcache.services.settings.config import Config


class Sink:
    """Keeps what is written; refuses the first `failures` writes, blocks until `gate` is open."""

    def __init__(self) -> None:
        self.data = b""
        self.failures = 0
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.gate.set()

    def __call__(self, data: bytes) -> None:
        """Take what the thread writes."""
        self.entered.set()
        self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        self.data += data

    def events(self) -> list[dict[str, Any]]:
        """Return the JSON lines."""
        return [json.loads(line) for line in self.data.splitlines()]


class ManualTime:
    """A clock in milliseconds that tests move."""

    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A sink that is open again at the end, so that no thread stays."""
    sink = Sink()
    yield sink
    sink.gate.set()


def _writer(sink: Sink, capacity: int = 100) -> LogWriter:
    return LogWriter(sink, lambda lost: f"lost {lost}", capacity)


def _logs(sink: Sink, limiter: RateLimiter | None = None, level: bytes = b"notice") -> Logs:
    return Logs(sink, is_terminal=False, level=level, limiter=limiter)


def test_lines_in_order(sink: Sink) -> None:
    """All lines are written, in order, before close returns."""
    writer = _writer(sink, 10_000)
    for number in range(5000):
        writer.write(str(number))
    assert writer.close(60)
    assert sink.data.split() == [b"%d" % number for number in range(5000)]


def test_blocked_sink(sink: Sink) -> None:
    """A sink that blocks costs lines beyond the buffer, is not waited for, and the loss is told afterwards."""
    sink.gate.clear()
    writer = _writer(sink, 10)
    writer.write("first")
    assert sink.entered.wait(60)
    for number in range(25):
        writer.write(str(number))
    assert writer.dropped == 15
    assert not writer.close(0)
    sink.gate.set()
    assert writer.close(60)
    assert sink.data.split(b"\n")[:3] == [b"first", b"lost 15", b"0"]


def test_failing_sink(sink: Sink) -> None:
    """A sink that fails loses its lines without a word to the caller, and the loss is told when it works again."""
    sink.gate.clear()
    sink.failures = 1
    writer = _writer(sink)
    writer.write("lost line")
    assert sink.entered.wait(60)
    writer.write("next")
    sink.gate.set()
    assert writer.close(60)
    assert writer.failed == 1
    assert sink.data == b"lost 1\nnext\n"


def test_full_disk() -> None:
    """A full disk is a failing sink."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    writer = LogWriter(FileSink.open("/dev/full"), str)
    writer.write("line")
    assert writer.close(60)
    assert writer.failed == 1


def test_full_pipe_without_a_thread() -> None:
    """Where no thread may wait, a pipe that is full costs the line; the loss is told when there is room again."""
    reading, writing = os.pipe()
    writer = SinkWriter(FileSink(writing).write_at_once, lambda lost: f"lost {lost}")
    while not writer.failed:
        writer.write("x" * 10_000)
    while select.select([reading], [], [], 0)[0]:
        os.read(reading, 65536)
    writer.write("next")
    assert os.read(reading, 65536) == b"lost 1\nnext\n"
    os.close(reading)
    os.close(writing)


def test_file_sink_on_a_full_pipe() -> None:
    """A descriptor that does not block is written to completely all the same."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data, received = b"x" * 300_000, []
    thread = threading.Thread(target=lambda: received.extend(iter(lambda: os.read(reader, 65536), b"")))
    thread.start()
    FileSink(writer)(data)
    os.close(writer)
    thread.join(60)
    os.close(reader)
    assert b"".join(received) == data


def test_json_line(sink: Sink) -> None:
    """A line is one JSON object with event, level, time and fields; what JSON lacks is shown as text."""
    logs = _logs(sink)
    logs.log.info("listening", address="127.0.0.1:1", raw=b"\xff")
    assert logs.close(60)
    (event,) = sink.events()
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "listening", "level": "info", "address": "127.0.0.1:1", "raw": "b'\\xff'"}


def test_terminal_line(sink: Sink) -> None:
    """On a terminal a line is for people."""
    logs = Logs(sink, is_terminal=True, level=b"notice")
    logs.log.info("listening", address="here")
    assert logs.close(60)
    assert b"listening" in sink.data
    assert b"here" in sink.data
    assert not sink.data.startswith(b"{")


def test_unprintable_value(sink: Sink) -> None:
    """A value that cannot be shown costs its line and nothing else."""

    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError

    logs = _logs(sink)
    logs.log.info("bad", value=Unprintable())
    assert logs.close(60)
    assert sink.events() == [{"event": "log_line_failed", "name": "bad", "error": "RuntimeError"}]


def test_level(sink: Sink) -> None:
    """Lines below the level are dropped, and the level can change."""
    logs = _logs(sink, level=b"warning")
    logs.log.info("dropped")
    logs.log.warning("passed")
    logs.gate.set_level(b"debug")
    logs.log.debug("passed_too")
    logs.gate.set_level(b"nothing")
    logs.log.error("dropped_too")
    assert logs.close(60)
    assert [event["event"] for event in sink.events()] == ["passed", "passed_too"]


def test_rate_limit(sink: Sink) -> None:
    """An event is logged once an interval, with the count of those held back; other events do not count."""
    now = ManualTime()
    logs = _logs(sink, RateLimiter(1000, now))
    for _ in range(10):
        logs.log.info("storm")
    logs.log.info("calm")
    now.now_ms = 999
    logs.log.info("storm")
    now.now_ms = 1000
    logs.log.info("storm")
    now.now_ms = 3000
    logs.log.info("storm")
    assert logs.close(60)
    seen = [(event["event"], event.get("suppressed")) for event in sink.events()]
    assert seen == [("storm", None), ("calm", None), ("storm", 10), ("storm", None)]


def test_rate_limit_tells_the_rest_at_the_end(sink: Sink) -> None:
    """Counts that no later line told are told when the logs close."""
    logs = _logs(sink, RateLimiter(1000, ManualTime()))
    for _ in range(4):
        logs.log.info("storm")
    assert logs.close(60)
    assert [event.get("storm") for event in sink.events()] == [None, 3]


def test_listening_is_not_limited(sink: Sink) -> None:
    """Each address that is listened on has its line."""
    logs = _logs(sink, RateLimiter(1000, ManualTime()))
    logs.log.info("listening", address="a")
    logs.log.info("listening", address="b")
    assert logs.close(60)
    assert [event["address"] for event in sink.events()] == ["a", "b"]


def test_start_with_a_file(tmp_path: Path) -> None:
    """`start` appends to the log file, and follows CONFIG SET loglevel."""
    path = tmp_path / "log"
    path.write_bytes(b"{}\n")
    config = Config()
    config.load("logfile", bytes(path))
    logs = start(config)
    config.set(b"loglevel", b"warning")
    logs.log.info("dropped")
    logs.log.warning("passed")
    assert logs.close(60)
    assert [json.loads(line).get("event") for line in path.read_text().splitlines()] == [None, "passed"]


def test_start_with_a_path_that_is_not_there(tmp_path: Path) -> None:
    """A log file that cannot be opened is an OSError at the start, not later."""
    config = Config()
    config.load("logfile", bytes(tmp_path / "no" / "log"))
    with pytest.raises(FileNotFoundError):
        start(config)
