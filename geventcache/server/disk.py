"""A native thread that writes to the disk, one job after the other, while the hub's thread serves.

A job of the thread pool costs thirty microseconds of the hub's thread, and the pool is everybody's; this takes a tenth
of it.
"""

from __future__ import annotations

from _queue import SimpleQueue
from collections import deque
from collections.abc import Callable
from typing import Any

from gevent import get_hub
from gevent.monkey import get_original

# Those of gevent would switch greenlets.
_allocate_lock = get_original("_thread", "allocate_lock")
_start_new_thread = get_original("_thread", "start_new_thread")


class Job:
    """Something to be done.

    Args:
        action: is called in the thread; only an OSError may come out of it.
        on_done: is called with the job in the hub afterwards, once.

    Attributes:
        error: what the action raised, None if it succeeded.
    """

    def __init__(self, action: Callable[[], object], on_done: Callable[[Job], None]) -> None:
        self.action = action
        self.on_done = on_done
        self.error: OSError | None = None
        self.is_settled = False
        self.running = _allocate_lock()
        self.running.acquire()

    def run(self) -> None:
        """In the thread: do it."""
        try:
            self.action()
        except OSError as error:
            self.error = error
        except MemoryError:
            self.error = OSError("no memory")
        self.running.release()

    def settle(self) -> None:
        """In the hub: it is done."""
        if not self.is_settled:
            self.is_settled = True
            self.on_done(self)

    def wait(self) -> None:
        """Stop the hub's thread until it is done."""
        self.running.acquire()
        self.settle()


class Disk:
    """The thread."""

    def __init__(self) -> None:
        self.jobs: Any = SimpleQueue()
        self.done: deque[Job] = deque()
        self.watcher = get_hub().loop.async_(ref=False)
        self.watcher.start(self.settle)
        self.ended = _allocate_lock()
        self.ended.acquire()
        _start_new_thread(work, (self.jobs, self.done, self.watcher.send, self.ended))

    def do(self, job: Job) -> None:
        """Do a job after those that it has."""
        self.jobs.put(job)

    def settle(self) -> None:
        """The watcher's callback, in the hub: jobs are done."""
        while self.done:
            self.done.popleft().settle()

    def stop(self) -> None:
        """Let the thread do the jobs that it has, and wait for its end."""
        self.jobs.put(None)
        self.ended.acquire()
        self.settle()
        self.abandon()

    def abandon(self) -> None:
        """Hear of no job any more; in a forked process there is no thread."""
        self.watcher.stop()
        self.watcher.close()


def work(jobs: Any, done: deque[Job], tell: Callable[[], None], ended: Any) -> None:
    """In the thread: do jobs until there is None."""
    while (job := jobs.get()) is not None:
        job.run()
        done.append(job)
        tell()
    ended.release()
