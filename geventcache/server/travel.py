"""Time that is moved by hand: what would have happened meanwhile happens, at its time and in its order.

The rules:

- The clock goes from one deadline to the next. At each, the keys and fields that are due expire, the clients whose
  waiting is over are answered, and all that follows from it is done and sent, before the clock goes on.
- One travel after the other. It is made in slices, between which clients are served as between those of expiry; whoever
  asked for it gets its answer when all of it has been sent.
- Back in time nothing happens: what has a deadline has it still.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.lock import RLock

from geventcache.base.times import NEVER_MS
from geventcache.server.slices import Slices
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait

PAUSE_SECONDS = 1e-4


class Travel:
    """The travels of one server.

    Attributes:
        lets_others_in: there are slices; where no hub runs, all is one.
        lock: is held by whoever travels; what happens on a travel may be another one.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.clock = server.state.clock
        self.expiry = server.expiry
        self.state.on_travel = self.begin
        self.lets_others_in = True
        self.lock = RLock()
        self.running: set[Any] = set()
        self.slices = Slices(server, 0)

    # ------------------------------------------------------------------ for a command

    def begin(self, client: Client, travel: Callable[[], None], reply: Any) -> Any:
        """Begin a travel for a client; return what its command returns."""
        wait = Wait((), 0)
        greenlet = gevent.spawn(self.run, client, wait, travel, reply)
        self.running.add(greenlet)
        greenlet.link(self.running.discard)
        return wait

    def run(self, client: Client, wait: Wait, travel: Callable[[], None], reply: Any) -> None:
        """Travel and answer."""
        travel()
        client.last_active_ms = self.clock.now_ms
        if client.blocked is wait:
            self.state.engine.unblock(client, reply)
            self.server.end_turn()

    def stop(self) -> None:
        """End all travels, wherever they are."""
        gevent.killall(list(self.running))

    def abandon(self) -> None:
        """In a forked process: the clock is the other's."""
        gevent.killall(list(self.running), block=False)

    # ------------------------------------------------------------------ travels

    def advance(self, ms: int) -> None:
        """Let so many milliseconds pass, and what would happen in them."""
        with self.lock:
            self.pass_until(self.clock.update() + ms)

    def set(self, ms: int) -> None:
        """Let it be `ms` milliseconds since the epoch; if that is later than now, the time passes until then."""
        with self.lock:
            self.wait_for_worker()
            if ms >= self.clock.update():
                self.pass_until(ms)
            else:
                self.clock.move_to(ms)
                self.arrive()

    def freeze(self) -> None:
        """Let the time stand still."""
        self.clock.freeze()
        self.arrive()

    def resume(self) -> None:
        """Let the time run on from where it stands."""
        self.clock.run()
        self.arrive()

    def pass_until(self, target_ms: int) -> None:
        """Go from deadline to deadline until a time."""
        self.slices = Slices(self.server, self.state.config["expire-time-budget"])
        self.slices.begin()
        self.wait_for_worker()
        while (next_ms := self.next_ms()) <= target_ms:
            self.clock.move_to(max(next_ms, self.clock.now_ms))
            if not self.happen():
                break  # what failed is done again by the worker
        self.clock.move_to(max(target_ms, self.clock.now_ms))
        self.arrive()

    def next_ms(self) -> int:
        """When something happens next."""
        pause_ms: int = self.state.pause_until_ms or NEVER_MS
        expiry_ms = self.expiry.next_ms() if self.expiry.is_active() else NEVER_MS
        first_ms: int = min(expiry_ms, self.state.waiters.next_ms(), pause_ms)
        return first_ms

    def happen(self) -> bool:
        """Let all that is due at the clock's time happen; return False if keys could not expire."""
        if self.expiry.is_active():
            while self.expiry.is_behind():
                if not self.expiry.step():
                    self.expiry.put_back()
                    return False
                self.breathe()
        for client in self.state.waiters.overdue(self.clock.now_ms):
            self.state.engine.time_out(client)
        if 0 < self.state.pause_until_ms <= self.clock.now_ms:
            self.state.end_pauses()
        self.server.end_turn()
        self.breathe()
        return True

    def arrive(self) -> None:
        """It is another time now: clients that were silent for too long go, and timers are set anew."""
        self.server.cron.close_idle(self.clock.now_ms)
        for client in list(self.state.waiters.parked):
            if client.transport is not None:
                client.transport.watch_time()
        self.expiry.arm()
        if self.state.pause_until_ms:
            self.server.cron.watch_pause()
        self.server.end_turn()

    # ------------------------------------------------------------------ slices

    def breathe(self) -> None:
        """Let others in if the slice is over."""
        if self.lets_others_in and self.slices.breathe():
            self.wait_for_worker()
            self.slices.begin()

    def wait_for_worker(self) -> None:
        """Let a load, a script that lets others in, and the worker of expiry finish: what was due comes first."""
        while self.lets_others_in and self.is_busy():
            gevent.sleep(PAUSE_SECONDS)

    def is_busy(self) -> bool:
        """Is something going on that goes by the time as it is?"""
        return bool(self.state.snapshots.is_loading or self.state.scripting.is_busy or self.expiry.is_at_work())
