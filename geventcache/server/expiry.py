"""The expiry engine: timers on the hub post buckets of due keys to a bounded queue, one worker drains it in slices.

The rules:

- One timer is armed for the earliest bucket of all databases. Its callback takes the buckets that are due and posts
  each as one item, without blocking; a full queue leaves the rest where it is (due, and found by the worker), and is
  counted.
- One worker greenlet removes keys in batches of up to `expire-batch-size` keys or `expire-batch-timeout` milliseconds,
  whichever comes first. It gives the hub back after every `expire-time-budget` microseconds, by a timer and not by
  ``sleep(0)``, which would not let input in. Under load the batches grow (`expire-adaptive`), the budget does not: a
  batch may take several slices.
- What fails, for want of memory or by a defect, is logged and done again: the worker pauses, then visits the same
  tickets one by one; a ticket that fails by itself goes back to where it was, and the others have their turn.
- Where another server decides what is over (`Changes.keeps_due`), nothing is posted, and what was posted goes back to
  where it was.
- There is no greenlet and no timer a key, at no time. The worker also frees large values and sweeps out stale tickets,
  in the same slices.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from gevent import get_hub, sleep, spawn
from gevent.queue import Queue

from geventcache.base.allocator import give_back
from geventcache.base.clock import monotonic_us
from geventcache.base.deadlines import Deadlines
from geventcache.base.histogram import Histogram
from geventcache.base.table import Tickets
from geventcache.base.times import NEVER_MS
from geventcache.server.slices import TINY_SECONDS
from geventcache.store.keyspace import Keyspace

BUSY_SECONDS = 0.01
LONGEST_TIMER_MS = 3_600_000
GROWTH_LIMIT = 16
STRIDE = 64  # keys between two looks at the time
LAG_WARNING_MS = 1000
PAUSE_SECONDS = 1.0
PAUSE_MS = 1000
MUCH_FREED = 100  # steps of the graveyard after which memory goes back to the system


class Due:
    """A bucket whose time has come, and how many of its tickets were visited."""

    __slots__ = ("deadlines", "tickets", "time_ms", "visited")

    def __init__(self, deadlines: Deadlines, time_ms: int, tickets: Tickets) -> None:
        self.deadlines = deadlines
        self.time_ms = time_ms
        self.tickets = tickets
        self.visited = 0


def take_due(deadlines: Deadlines, now_ms: int) -> Due | None:
    """Take the earliest bucket that is due, if there is one; without memory it stays."""
    tickets = deadlines.first_due(now_ms)
    if tickets is None:
        return None
    due = Due(deadlines, deadlines.next_ms, tickets)
    deadlines.pop_due(now_ms)
    return due


class Expiry:
    """The expiry of one server.

    Attributes:
        queue: of Due, and of None to ask for housework; depth, peak: tickets in it, now and at most.
        due: what the worker visits; stepped: what `step` visits, where no worker runs or the time is moved by hand.
        stride: tickets between two looks at the time, up to STRIDE, and fewer after a failure.
        batches, keys: batches so far and the keys that they removed; sizes, lags: Histograms of batch sizes and of the
            milliseconds from deadline to removal.
        fallbacks: how often the queue was full.
    """

    def __init__(self, state: Any, end_turn: Callable[[], None], log: Any) -> None:
        self.state = state
        self.config = state.config
        self.databases = state.databases
        self.losses = state.losses
        self.clock = state.clock
        self.end_turn = end_turn
        self.log = log
        self.loop = get_hub().loop
        self.timer: Any = None
        self.is_arming = False
        self.queue = Queue(self.config["expire-queue-size"])
        self.config.on_change("expire-queue-size", self.resize)
        self.worker: Any = None
        self.on_batch: Callable[[int], None] | None = None
        self.growth = 1
        self.is_overflown = False
        self.due: Due | None = None
        self.stepped: Due | None = None
        self.stride = STRIDE
        self.housework: Iterator[object] | None = None
        self.slice_us = 0
        self.batch_visited = 0
        self.batch_removed = 0
        self.batch_ms = 0
        self.depth = 0
        self.reset_counters()
        self.databases.on_created.append(self.adopt)
        for keyspace in self.databases.existing():
            self.adopt(keyspace)

    def resize(self, size: int) -> None:
        """The setting expire-queue-size has changed; what is in the queue stays."""
        self.queue.maxsize = size

    def reset_counters(self) -> None:
        """Counters to zero."""
        self.peak = 0
        self.batches = 0
        self.fallbacks = 0
        self.sizes = Histogram()
        self.lags = Histogram()

    def adopt(self, keyspace: Keyspace) -> None:
        """Follow the deadlines of a database."""
        keyspace.deadlines.on_earlier = self.arm_soon

    def start(self) -> None:
        """Begin to expire keys."""
        self.timer = self.loop.timer(0.001)
        self.worker = spawn(self.work)
        self.arm()

    def stop(self) -> None:
        """End the timer and the worker; what is due stays where it is."""
        if self.timer is not None:
            self.timer.stop()
            self.timer.close()
            self.timer = None
        if self.worker is not None:
            self.worker.kill()
            self.worker = None

    def abandon(self) -> None:
        """In a forked process: end both without waiting for the worker."""
        worker, self.worker = self.worker, None
        self.stop()
        if worker is not None:
            worker.kill(block=False)

    # ------------------------------------------------------------------ the timer

    def arm_soon(self) -> None:
        """A deadline earlier than all others was set: arm the timer when the turn is over, however many there were."""
        if not self.is_arming:
            self.state.chores.append(self.arm)
            self.is_arming = True

    def next_ms(self) -> int:
        """The time of the earliest bucket of all databases."""
        return min((keyspace.deadlines.next_ms for keyspace in self.databases.made.values()), default=NEVER_MS)

    def arm(self, least_ms: int = 0) -> None:
        """Arm the timer for the earliest bucket, but for no time nearer than `least_ms` from now."""
        self.is_arming = False
        if self.timer is None:
            return
        next_ms = self.next_ms()
        if next_ms == NEVER_MS or (self.clock.is_frozen and next_ms > self.clock.now_ms):
            self.timer.stop()
            return
        # The loop's own time may be seconds old after a long turn; a timer counts from it.
        self.loop.update_now()
        delay_ms = min(max(next_ms - self.clock.update(), least_ms), LONGEST_TIMER_MS)
        self.timer.stop()
        self.timer.close()
        self.timer = self.loop.timer(delay_ms / 1000)
        self.timer.start(self.fire)

    def fire(self) -> None:
        """The timer's callback, in the hub: post what is due."""
        if not self.is_active():
            return
        try:
            is_done = self.post_due(self.clock.update())
        except Exception as error:
            self.report(error)
            is_done = False
        if is_done:
            self.arm()
        elif not self.queue.full():
            self.arm(PAUSE_MS)
        else:
            # The worker is behind; it comes back here when it has emptied the queue.
            self.is_overflown = True
            self.fallbacks += 1
            self.log.warning("expire_queue_full", queue_size=self.queue.maxsize, depth=self.depth)

    def is_active(self) -> bool:
        """May keys go that nobody asks for? Not where a primary decides that, nor where DEBUG has forbidden it."""
        return bool(self.state.is_active_expire and not self.state.changes.keeps_due)

    def post_due(self, now_ms: int) -> bool:
        """Post every bucket that is due; False if the queue is full before all are in it."""
        for keyspace in self.databases.existing():
            deadlines = keyspace.deadlines
            while deadlines.next_ms <= now_ms:
                if self.queue.full():
                    return False
                due = take_due(deadlines, now_ms)
                if due is not None:
                    self.post(due)
        return True

    def post(self, due: Due) -> None:
        """Post a bucket; if that fails, it is where it was."""
        try:
            self.queue.put_nowait(due)
        except Exception:
            due.deadlines.give_back(due.time_ms, due.tickets)
            raise
        self.depth += len(due.tickets)
        self.peak = max(self.peak, self.depth)

    def nudge(self) -> None:
        """There is housekeeping: large values to be freed, stale tickets."""
        if not self.queue.full():
            self.queue.put_nowait(None)

    # ------------------------------------------------------------------ without the worker

    def is_behind(self) -> bool:
        """Is there something due that the timer has not taken? So it is where no hub runs."""
        return self.stepped is not None or self.next_ms() <= self.clock.now_ms

    def is_at_work(self) -> bool:
        """Has the worker something in hand, or waiting for it?"""
        return self.due is not None or not self.queue.empty()

    def step(self) -> bool:
        """Visit a batch of what is due, at once and without the worker; return False if that failed."""
        try:
            self.stepped = self.stepped or self.next_due()
            if self.stepped is not None:
                self.visit_batch(self.stepped)
        except Exception as error:
            self.report(error)
            return False
        return True

    def put_back(self) -> None:
        """What `step` cannot go on with is due again, for the worker."""
        due = self.stepped
        if due is not None:
            kept = Tickets()
            kept.extend(due.tickets, due.visited)
            due.deadlines.give_back(due.time_ms, kept)
            self.stepped = None
            self.depth -= len(kept)

    def next_due(self) -> Due | None:
        """Take the next bucket that is due."""
        for keyspace in self.databases.existing():
            due = take_due(keyspace.deadlines, self.clock.now_ms)
            if due is not None:
                self.depth += len(due.tickets)
                return due
        return None

    def visit_batch(self, due: Due) -> None:
        """Visit tickets of a bucket, up to a batch."""
        size = self.config["expire-batch-size"]
        while self.batch_visited < size and due.visited < len(due.tickets):
            self.visit(due, size - self.batch_visited)
        if due.visited == len(due.tickets):
            self.stepped = None
        self.close_batch()

    # ------------------------------------------------------------------ the worker

    def work(self) -> None:
        """The worker greenlet: drain the queue, for ever."""
        failure: Exception | None = None
        while True:
            try:
                if failure is None:
                    self.due = self.queue.get()
                else:
                    self.recover(failure)
                failure = None
                self.serve()
            except Exception as error:
                failure = error

    def serve(self) -> None:
        """Visit the bucket that was taken from the queue; see to the rest if it was the last one."""
        self.begin_slice()
        if self.due is not None:
            self.drain(self.due)
            self.due = None
        if self.queue.empty():
            self.close_batch()
            self.keep_house()
            self.end_turn()
            self.growth = 1
            if self.is_overflown:
                self.is_overflown = False
                self.fire()

    def recover(self, failure: Exception) -> None:
        """Something has failed: let others in for a while, and arm the timer, which may have been at stake."""
        self.report(failure)
        sleep(PAUSE_SECONDS)
        self.state.doubt()
        self.end_turn()
        self.arm()

    def report(self, failure: Exception) -> None:
        """Log a failure; raises nothing."""
        with suppress(MemoryError):
            self.log.error("expiry_failed", error=repr(failure), exc_info=failure)

    def begin_slice(self) -> None:
        """Clients were let in: the time budget counts from now. While a script runs, no key goes but by its doing."""
        while self.state.scripting.is_busy:
            sleep(BUSY_SECONDS)
        self.slice_us = monotonic_us()
        self.clock.update()

    def breathe(self) -> None:
        """Let clients in if the time budget is used up."""
        if monotonic_us() - self.slice_us >= self.config["expire-time-budget"]:
            self.end_turn()
            sleep(TINY_SECONDS)
            self.begin_slice()

    def drain(self, due: Due) -> None:
        """Visit the keys of a bucket, in batches."""
        if not due.visited:
            self.warn_if_late(due.time_ms)
        while due.visited < len(due.tickets):
            if self.state.changes.keeps_due:
                self.give_back(due)
                return
            limit = self.config["expire-batch-size"] * self.growth
            if not self.batch_visited:
                self.batch_ms = self.clock.now_ms
            self.visit(due, limit - self.batch_visited)
            if self.batch_visited >= limit or self.clock.now_ms - self.batch_ms >= self.config["expire-batch-timeout"]:
                self.close_batch()
                if self.depth > limit and self.growth < GROWTH_LIMIT and self.config["expire-adaptive"]:
                    self.growth *= 2
            self.breathe()

    def visit(self, due: Due, most: int) -> None:
        """Visit the next tickets of a bucket, a stride, of `most` at most.

        Raises:
            Exception: it failed; but for a single ticket, which is put off, the same ones are next.
        """
        stop = min(due.visited + min(self.stride, most), len(due.tickets))
        keyspace: Keyspace = due.deadlines.keyspace
        try:
            self.batch_removed += keyspace.visit(due.tickets, due.visited, stop, due.time_ms, self.lags)
        except Exception:
            if stop - due.visited == 1:
                self.put_off(due)
            self.stride = 1
            raise
        self.stride = min(2 * self.stride, STRIDE)
        self.pass_by(due, stop)
        if self.losses.noted:
            self.losses.hand_over()

    def put_off(self, due: Due) -> None:
        """The next ticket goes back to where it was, unless it is done: what comes after it has waited for it."""
        kept = Tickets()
        stop = due.visited + 1
        due.deadlines.keyspace.table.sift(due.tickets, due.visited, stop, due.time_ms, kept)
        if len(kept):
            due.deadlines.give_back(due.time_ms, kept)
        self.pass_by(due, stop)

    def give_back(self, due: Due) -> None:
        """What is left of a bucket goes back to where it was."""
        kept = Tickets()
        kept.extend(due.tickets, due.visited)
        due.deadlines.give_back(due.time_ms, kept)
        self.pass_by(due, len(due.tickets))

    def pass_by(self, due: Due, stop: int) -> None:
        """The tickets up to there are done."""
        self.batch_visited += stop - due.visited
        self.depth -= stop - due.visited
        due.visited = stop

    def close_batch(self) -> None:
        """The batch is complete: count it and tell who wants to know."""
        if self.batch_visited:
            self.batches += 1
            self.sizes.record(self.batch_removed)
            if self.on_batch is not None:
                self.on_batch(self.batch_removed)
        self.batch_visited = 0
        self.batch_removed = 0

    def warn_if_late(self, time_ms: int) -> None:
        """A line in the log when keys wait too long for their removal."""
        lag_ms = self.clock.now_ms - time_ms
        if lag_ms >= LAG_WARNING_MS:
            self.log.warning("expire_late", lag_ms=lag_ms, depth=self.depth, growth=self.growth)

    def keep_house(self) -> None:
        """Do the housework, in slices and only while no key is due; what is left goes on the next time."""
        self.housework = self.housework or self.chores()
        for _ in self.housework:
            self.breathe()
            if not self.queue.empty():
                return
        self.housework = None
        self.arm()

    def chores(self) -> Iterator[object]:
        """Sweep out stale tickets, make room, free large values, some hundreds at each step.

        Where many went, the system gets their memory.

        Stale tickets come first: they take memory, for which more keys than needed would be evicted.
        """
        graveyard = self.databases.graveyard
        is_done = False
        steps = 0
        while not is_done:
            steps += len(graveyard) > 0
            for keyspace in self.databases.existing():
                if keyspace.deadlines.overdue():
                    yield from keyspace.deadlines.sweep(keyspace.table)
            is_done = self.state.memory_limit.step() and not len(graveyard)
            yield graveyard.step()
        if steps >= MUCH_FREED or graveyard.leaves_much:
            graveyard.leaves_much = False
            yield from give_back()
