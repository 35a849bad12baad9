"""Logging that can never hold up a client: structlog in front, a bounded buffer and a native thread behind.

Rules: a log call renders its line and leaves it in the buffer; it waits for nothing and raises nothing. A sink that
blocks stops only the thread; one that fails loses its lines; a full buffer drops new ones. What was lost is counted and
reported by one line as soon as lines get through again. Repeated events are thinned to one line an interval.

The thread is a real one: nothing in this package patches the standard library for gevent. A process that forks has
none, because a thread would be missing in the other process: there a line that the sink does not take at once is lost.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, MutableMapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import structlog

from geventcache.services.settings.config import Config

EventDict = MutableMapping[str, Any]
Render = Callable[[Any, str, EventDict], str]

# Lines that wait for the sink at most, and those that go out in one write.
BUFFER_LINES = 8192
BATCH_LINES = 256
FLUSH_TIMEOUT_S = 1.0
# Events that tell of one occasion each, and several of them at once.
NEVER_LIMITED = frozenset({"listening", "worker_ended"})

# structlog's levels by the setting's names; "verbose" has no lines of its own.
LEVELS = {b"debug": 10, b"verbose": 20, b"notice": 20, b"warning": 30, b"nothing": 60}
_LEVEL_OF_METHOD = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, "exception": 40}


class FileSink:
    """Writes to a file descriptor until everything is out, whether it is a blocking one or not."""

    def __init__(self, descriptor: int, path: str = "") -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def open(cls, path: str) -> FileSink:
        """Return a sink that appends to the file at `path`; raise OSError if it cannot be written."""
        return cls(_open(path), os.path.abspath(path))

    def reopen(self) -> None:
        """Write to the file that is at the path now; raise OSError, and stay with the old one."""
        if self.path:
            descriptor = _open(self.path)
            os.dup2(descriptor, self.descriptor, inheritable=False)
            os.close(descriptor)

    def __call__(self, data: bytes) -> None:
        """Write `data`; raise OSError."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.descriptor, view) :]
            except BlockingIOError:
                select.select([], [self.descriptor], [])

    def write_at_once(self, data: bytes) -> None:
        """Write `data` as far as that blocks nobody; raise OSError, BlockingIOError where it would have blocked."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        for start in range(0, len(data), select.PIPE_BUF):  # a pipe that is ready takes so much
            if not poll.poll(0):
                raise BlockingIOError
            os.write(self.descriptor, data[start : start + select.PIPE_BUF])


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


class SinkWriter:
    """Writes lines into a sink, after a line about those that were lost before.

    Attributes:
        dropped: lines that found the buffer full.
        failed: lines that the sink refused.
    """

    def __init__(self, sink: Callable[[bytes], object], report: Callable[[int], str]) -> None:
        self._sink = sink
        self._report = report
        self._reported = 0
        self.dropped = 0
        self.failed = 0

    def write(self, line: str) -> None:
        """Write a line, or lose it."""
        self._write_batch([line])

    def close(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """Write what waits, for at most `timeout_s` seconds; return whether all of it was written."""
        return True

    def _write_batch(self, batch: list[str]) -> None:
        lost = self.dropped + self.failed
        lines = [self._report(lost - self._reported), *batch] if lost > self._reported else batch
        try:
            self._sink("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
        except OSError:
            self.failed += len(batch)
        else:
            self._reported = lost


class LogWriter(SinkWriter):
    """A buffer in front, and the thread that empties it into the sink.

    Each counter has one writer, the caller's thread and the native one, and so needs no lock.
    """

    def __init__(
        self, sink: Callable[[bytes], object], report: Callable[[int], str], capacity: int = BUFFER_LINES
    ) -> None:
        super().__init__(sink, report)
        self._capacity = capacity
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="geventcache-log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Leave a line to be written, or drop it; never blocks."""
        if self._lines.qsize() < self._capacity:
            self._lines.put(line)
        else:
            self.dropped += 1

    def close(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """Write what waits, for at most `timeout_s` seconds; return whether all of it was written."""
        self._lines.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            self._write_batch(batch)

    def _next_batch(self) -> tuple[list[str], bool]:
        """Wait for lines; return them, and whether more may follow."""
        batch: list[str] = []
        line = self._lines.get()
        while line is not None:
            batch.append(line)
            if len(batch) == BATCH_LINES:
                return batch, True
            try:
                line = self._lines.get_nowait()
            except Empty:
                return batch, True
        return batch, False


class LineLogger:
    """What structlog hands finished lines to."""

    def __init__(self, writer: SinkWriter) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = self.critical = writer.write


class LevelGate:
    """The structlog processor that drops lines less important than `minimum`; the level can change at run time."""

    def __init__(self, level: bytes) -> None:
        self.minimum = LEVELS[level]

    def set_level(self, level: bytes) -> None:
        """Let lines of a loglevel and above pass."""
        self.minimum = LEVELS[level]

    def __call__(self, _logger: Any, method: str, event: EventDict) -> EventDict:
        """Pass the event or drop it."""
        if _LEVEL_OF_METHOD.get(method, 0) < self.minimum:
            raise structlog.DropEvent
        return event


class RateLimiter:
    """The structlog processor that passes one line an event and interval.

    The next line of an event that was held back says in its field ``suppressed`` how often. The names of events are
    constants of the program, so the table of them stays small.
    """

    def __init__(
        self,
        interval_ms: int = 1000,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        never_limited: frozenset[str] = NEVER_LIMITED,
    ) -> None:
        self._interval_ms = interval_ms
        self._clock_ms = clock_ms
        self._never_limited = never_limited
        self._until_ms: dict[str, int] = {}
        self._suppressed: dict[str, int] = {}

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        """Pass the event, with the count of those before it, or drop it."""
        name = str(event.get("event"))
        if name in self._never_limited:
            return event
        now_ms = self._clock_ms()
        if now_ms < self._until_ms.get(name, now_ms):
            self._suppressed[name] = self._suppressed.get(name, 0) + 1
            raise structlog.DropEvent
        self._until_ms[name] = now_ms + self._interval_ms
        suppressed = self._suppressed.pop(name, 0)
        if suppressed:
            event["suppressed"] = suppressed
        return event

    def pending(self) -> dict[str, int]:
        """Return and forget the counts that no later line has told."""
        pending, self._suppressed = self._suppressed, {}
        return pending


class Logs:
    """The logger of a process, `log`, with the parts behind it."""

    def __init__(
        self,
        sink: Callable[[bytes], object],
        is_terminal: bool,
        level: bytes,
        limiter: RateLimiter | None = None,
        make_writer: Callable[[Callable[[bytes], object], Callable[[int], str]], SinkWriter] = LogWriter,
    ) -> None:
        render = _never_raising(_terminal_renderer() if is_terminal else _json_renderer())
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=not is_terminal)
        self.gate = LevelGate(level)
        self.limiter = limiter or RateLimiter()
        self.writer = make_writer(
            sink,
            lambda lost: render(None, "warning", stamp(None, "warning", _lines_lost(lost))),
        )
        self.log: Any = structlog.wrap_logger(
            LineLogger(self.writer),
            processors=[self.gate, self.limiter, structlog.processors.add_log_level, stamp, render],
            wrapper_class=structlog.make_filtering_bound_logger(0),
            cache_logger_on_first_use=True,
        ).bind()

    def close(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """Tell what was suppressed, write what waits for at most `timeout_s` seconds; return whether all got out."""
        pending = self.limiter.pending()
        if pending:
            self.log.info("log_lines_suppressed", **pending)
        return self.writer.close(timeout_s)


class FileLogs(Logs):
    """Logs in a file, or on standard error; lines are for people on a terminal, and JSON anywhere else."""

    def __init__(self, file: FileSink, config: Config, may_fork: bool = False) -> None:
        self.file = file
        sink, make_writer = (file.write_at_once, SinkWriter) if may_fork else (file, LogWriter)
        super().__init__(sink, os.isatty(file.descriptor), config["loglevel"], make_writer=make_writer)
        config.on_change("loglevel", self.gate.set_level)

    def reopen(self) -> None:
        """Begin a new file, if somebody has moved the old one away; raise OSError, and stay with the old one."""
        self.file.reopen()

    def after_fork(self, config: Config, **fields: object) -> FileLogs:
        """Return logs in the same place for the process that was forked, with these fields in each line."""
        logs = FileLogs(FileSink(self.file.descriptor, self.file.path), config)
        logs.log = logs.log.bind(**fields)
        return logs


def start(config: Config) -> FileLogs:
    """Return the logs that the settings ask for; raise OSError if the log file cannot be written."""
    path = os.fsdecode(config["logfile"])
    file = FileSink.open(path) if path else FileSink(sys.stderr.fileno())
    return FileLogs(file, config, may_fork=config["workers"] > 1)


def _lines_lost(count: int) -> EventDict:
    return {"event": "log_lines_lost", "count": count, "level": "warning"}


def _terminal_renderer() -> Render:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _json_renderer() -> Render:
    to_json = structlog.processors.JSONRenderer(default=str)

    def render(logger: Any, method: str, event: EventDict) -> str:
        return str(to_json(logger, method, structlog.processors.format_exc_info(logger, method, event)))

    return render


def _never_raising(render: Render) -> Render:
    """Return `render`, with a plain line in place of what it cannot render."""

    def render_or_name(logger: Any, method: str, event: EventDict) -> str:
        name = event.get("event")
        try:
            return render(logger, method, event)
        except Exception as error:  # a value's own __str__ may raise anything
            return f'{{"event": "log_line_failed", "name": "{name}", "error": "{type(error).__name__}"}}'

    return render_or_name
