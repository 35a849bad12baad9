"""The arbiter: the master process, which forks the workers, watches them and passes signals on to them.

Rules: it serves nobody and has neither an event loop nor threads, so that it can fork at any time. What can go wrong in
a worker does not reach it. Signals are queued, and each is handled by the method of its name.

It makes all sockets first (`Shards`), so that a worker that is started again is found where the one before it was.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from geventcache.launcher import systemd
from geventcache.launcher.background import explain, hear, reporter, settle
from geventcache.launcher.late import load_late, load_shared
from geventcache.launcher.logging import FileLogs
from geventcache.launcher.process import Process
from geventcache.launcher.settings import Settings
from geventcache.launcher.shards import Shards
from geventcache.launcher.signals import Signals
from geventcache.launcher.worker import Worker

# Before a worker that ended is started again: longer each time, none again when one has lasted.
DELAYS_S = (0.0, 0.2, 1.0, 5.0)
LASTING_S = 60.0
# What a worker may take to end beyond the time that its clients have.
PATIENCE_S = 2.0

_FRONT = -1
_SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TTIN", "TTOU", "CHLD")


class Child:
    """A process as its master sees it.

    Attributes:
        index: the worker's number, from 0 on; -1 of the front, the site of all workers.
        fields: what the log calls it by.
        pid: its process, 0 while there is none.
        pipe: what it reports its start by, None when it has.
        started_s: when it was started last, on the monotonic clock; due_s: when it is to be started.
        failures: how often in a row it did not last.
        is_ready: it serves.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.fields = {"worker": index if index >= 0 else "front"}
        self.pid = 0
        self.pipe: int | None = None
        self.started_s = 0.0
        self.due_s = 0.0
        self.failures = 0
        self.is_ready = False

    def start(self, pid: int, pipe: int) -> None:
        """It runs."""
        self.pid = pid
        self.pipe = pipe
        self.started_s = time.monotonic()

    def hear(self) -> str:
        """Take its report; return what went wrong, if something did."""
        if self.pipe is None:
            return ""
        pipe, self.pipe = self.pipe, None
        wrong = hear(pipe, "ended at its start")
        self.is_ready = not wrong
        return wrong

    def end(self) -> float:
        """It has ended; return in how many seconds it is to be started again."""
        now_s = time.monotonic()
        self.failures = 0 if now_s - self.started_s > LASTING_S else self.failures
        delay_s = DELAYS_S[min(self.failures, len(DELAYS_S) - 1)]
        self.failures += 1
        self.due_s = now_s + delay_s
        self.pid = 0
        self.is_ready = False
        return delay_s

    def send(self, name: str) -> None:
        """Send a signal."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and a hook has taken note of that
                os.kill(self.pid, signal.Signals[f"SIG{name}"])


def how_it_ended(status: int) -> str:
    """Return a process' end in words, from what waitpid says of it."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # most real-time signals have no name
        return f"signal {-code}"


class Arbiter(Process):
    """The master of several workers.

    Attributes:
        children: the workers, in their order; then the front, if there is one.
    """

    def __init__(self, settings: Settings, logs: FileLogs, report: Callable[[str], None]) -> None:
        super().__init__(settings, logs, report)
        self.children = [Child(i) for i in range(self.config["workers"])]
        if self.config["http"]:
            self.children.append(Child(_FRONT))
        self.is_ready = False
        self.is_stopping = False
        self.kill_at_s = float("inf")
        self.failure = ""

    def run(self) -> int:
        """Keep the workers running until a signal ends it; return the exit status.

        Raises:
            OSError: an address cannot be listened on, a file not be written, a user not become, or a worker could not
                start when none had been ready before.
        """
        self.hooks.call(self.log, "on_starting", self)
        load_shared()  # once for all workers, who then share the memory
        load_late(self.config)
        self.signals = Signals(_SIGNALS)
        self.shards = Shards(self.config, self.log, systemd.listening_sockets())
        try:
            pid_file = settle(self.config, *self.shards.paths)
            try:
                self._keep_running()
            finally:
                if pid_file is not None:
                    pid_file.remove()
        finally:
            self.shards.close()
        self.hooks.call(self.log, "on_exit", self)
        self.log.info("stopped")
        return 0

    def _keep_running(self) -> None:
        reading, self.lifeline = os.pipe()
        self.workers_lifeline = reading
        gc.collect()
        gc.freeze()
        while not self.is_stopping or any(child.pid for child in self.children):
            self._start_due()
            self._wait()
        if self.failure:
            raise OSError(self.failure)

    # ------------------------------------------------------------------ the loop

    def _start_due(self) -> None:
        now_s = time.monotonic()
        if now_s >= self.kill_at_s:
            self.kill_at_s = float("inf")
            self._send("KILL")
        for child in self.children:
            if not (child.pid or self.is_stopping) and now_s >= child.due_s:
                self._start(child)

    def _wait(self) -> None:
        """Wait for signals and reports, until something is due."""
        dues_s = [child.due_s for child in self.children if not (child.pid or self.is_stopping)]
        due_s = min(dues_s, default=self.kill_at_s)
        timeout_s = None if due_s == float("inf") else max(0.0, due_s - time.monotonic())
        pipes = {child.pipe: child for child in self.children if child.pipe is not None}
        names, readable = self.signals.wait(timeout_s, list(pipes))
        for pipe in readable:
            self._hear(pipes[pipe])
        for name in names:
            getattr(self, name.lower())()

    def _hear(self, child: Child) -> None:
        wrong = child.hear()
        if wrong:
            self._fail(child, wrong)
        elif not self.is_ready and all(child.is_ready for child in self.children):
            self._announce()

    def _announce(self) -> None:
        self.is_ready = True
        self.log.info("ready", pid=self.pid, workers=self.config["workers"])
        self.report("")
        systemd.notify("READY=1", f"MAINPID={self.pid}")
        self.hooks.call(self.log, "when_ready", self)

    def _fail(self, child: Child, reason: str) -> None:
        """A worker could not start: that ends all if none ever could, as wrong settings would."""
        if self.is_ready:
            self.log.error("worker_not_started", **child.fields, reason=reason)
        elif not self.is_stopping:
            self.failure = f"worker {child.fields['worker']}: {reason}"
            self._stop("TERM", 0.0)

    # ------------------------------------------------------------------ workers

    def _start(self, child: Child) -> None:
        try:
            child.start(*self._fork(child))
        except OSError as error:
            child.end()
            self._fail(child, explain(error))

    def _fork(self, child: Child) -> tuple[int, int]:
        """Return a new child's process, and the pipe that it reports by."""
        reading, writing = os.pipe()
        try:
            with self.signals.held_back():
                pid = os.fork()
                if not pid:
                    self._be(child, writing)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        os.set_blocking(reading, False)  # the end of a worker is no end of the pipe if one of its hooks has forked
        return pid, reading

    def _be(self, child: Child, pipe: int) -> NoReturn:
        """Live as a child, in the process that was forked."""
        status = 1
        report = reporter(pipe)
        try:
            self.logs = self.logs.after_fork(self.config, **child.fields)
            self.log = self.logs.log
            self.signals.reset()
            os.close(self.lifeline)
            os.environ.pop("NOTIFY_SOCKET", None)
            live = self._be_front if child.index == _FRONT else self._be_worker
            status = live(child.index, report)
        except OSError as error:
            report(explain(error))
        except BaseException:
            self.log.critical("worker_failed", error=traceback.format_exc())
        finally:
            self.logs.close()
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(status)

    def _be_worker(self, index: int, report: Callable[[str], None]) -> int:
        """Serve as a worker; return the exit status."""
        shard = self.shards.take(index)
        worker = Worker(self.settings, self.logs, report, shard, self.pid, self.workers_lifeline)
        worker.obey_signals()
        self.signals.let_through()
        self.hooks.call(self.log, "post_fork", self, worker)
        status = worker.run()
        self.hooks.call(self.log, "worker_exit", self, worker)
        return status

    def _be_front(self, _index: int, report: Callable[[str], None]) -> int:
        """Be the site of all workers; return the exit status."""
        from geventcache.launcher.front import FrontProcess

        listening, paths = self.shards.take_front(), self.shards.site_paths
        front = FrontProcess(self.settings, self.logs, report, listening, paths, self.workers_lifeline)
        front.obey_signals()
        self.signals.let_through()
        return front.run()

    def chld(self) -> None:
        """Workers have ended; others that were started in this process, by hooks, are left to whoever did."""
        for child in self.children:
            if child.pid:
                try:
                    pid, status = os.waitpid(child.pid, os.WNOHANG)
                except ChildProcessError:  # a hook was faster
                    pid, status = child.pid, 0
                if pid:
                    self._bury(child, how_it_ended(status))

    def _bury(self, child: Child, how: str) -> None:
        pid = child.pid
        wrong = child.hear()
        delay_s = child.end()
        if wrong:
            self._fail(child, wrong)
        if not self.is_stopping:
            self.log.error("worker_ended", **child.fields, pid=pid, how=how, restart_in_s=delay_s)

    # ------------------------------------------------------------------ signals

    def term(self) -> None:
        """Stop: replicas get what they lack, running requests finish, their answers go out."""
        self._stop("TERM", self.grace_s)

    def int(self) -> None:
        """As SIGTERM: Ctrl-C."""
        self._stop("INT", self.grace_s)

    @property
    def grace_s(self) -> float:
        """How long a worker may take to stop."""
        return float(self.config["shutdown-timeout"] + self.config["graceful-timeout"])

    def quit(self) -> None:
        """Stop at once: nobody is waited for."""
        self._stop("QUIT", 0.0)

    def _stop(self, name: str, grace_s: float) -> None:
        systemd.notify("STOPPING=1")
        self.is_stopping = True
        self.shards.close()
        self.kill_at_s = min(self.kill_at_s, time.monotonic() + grace_s + PATIENCE_S)
        self._send(name)

    def after_reload(self) -> None:
        """Let the workers reload too."""
        self._send("HUP")

    def usr1(self) -> None:
        """Open the log file anew, and let the workers do so."""
        super().usr1()
        self._send("USR1")

    def _send(self, name: str) -> None:
        for child in self.children:
            child.send(name)
