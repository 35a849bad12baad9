"""What has to be done from time to time: once a second, so that an idle server uses no CPU worth measuring."""

from __future__ import annotations

import gc
from collections import deque
from typing import Any

from gevent import get_hub

from geventcache.services.clients import Client

SECONDS = 1.0
YOUNG_ENOUGH = 20_000
SAMPLES = 16
FAREWELL_MS = 5000


def may_be_closed(client: Client) -> bool:
    """Whether silence means that nobody is there: some are meant to be silent, others have their own times."""
    return client.blocked is None and not client.subscription_count() and client.peer is None


class Rate:
    """How much a growing counter grew in each of the last seconds."""

    def __init__(self) -> None:
        self.samples: deque[int] = deque([0] * SAMPLES, SAMPLES)
        self.last = 0

    def note(self, counter: int) -> None:
        """A second is over; a counter that was reset did not grow."""
        self.samples.append(max(0, counter - self.last))
        self.last = counter

    @property
    def per_second(self) -> int:
        """The mean of the last seconds."""
        return sum(self.samples) // SAMPLES


class Cron:
    """The one-second timer of a server.

    Attributes:
        commands, changes, bytes_in, bytes_out: the Rate of each.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.timer: Any = None
        self.pause_timer: Any = None
        self.commands = Rate()
        self.changes = Rate()
        self.bytes_in = Rate()
        self.bytes_out = Rate()

    def start(self) -> None:
        """Begin."""
        loop = get_hub().loop
        self.timer = loop.timer(SECONDS, SECONDS)
        self.timer.start(self.tick)

    def stop(self) -> None:
        """End."""
        for timer in (self.timer, self.pause_timer):
            if timer is not None:
                timer.stop()
                timer.close()
        self.timer = self.pause_timer = None

    def tick(self) -> None:
        """Once a second."""
        clock = self.state.clock
        clock.update()
        step_ms = clock.check_wall()
        if step_ms:
            self.server.log.warning("clock_stepped", by_ms=step_ms)
            self.server.expiry.arm()
        self.close_idle(clock.now_ms)
        self.sample()
        self.state.client_memory.enforce()
        self.state.memory_limit.tick()
        self.server.saving.tick()
        self.server.journaling.tick()
        self.server.migrating.tick()
        self.server.feeding.tick()
        graveyard = self.state.databases.graveyard
        has_work = len(graveyard) or graveyard.leaves_much
        if has_work or any(keyspace.deadlines.overdue() for keyspace in self.state.databases.existing()):
            self.server.expiry.nudge()
        if self.server.owns_process:
            self.collect()
        self.server.end_turn()

    def close_idle(self, now_ms: int) -> None:
        """Close clients that were silent for `timeout` seconds, and those that do not take their last words."""
        timeout_ms = self.state.config["timeout"] * 1000
        for client in self.state.clients:
            silent_ms = now_ms - client.last_active_ms
            is_late = client.is_closing and silent_ms > FAREWELL_MS
            if is_late or (client.is_congested and self.state.exceeds_output_limit(client)):
                if client.transport is not None:
                    client.transport.break_off()
            elif timeout_ms and silent_ms > timeout_ms and may_be_closed(client):
                client.close()

    def sample(self) -> None:
        """Note what the last second brought."""
        self.commands.note(sum(command.calls for command in self.state.table.all()))
        self.changes.note(self.state.changes.dirty)
        self.bytes_in.note(self.state.traffic("bytes_in"))
        self.bytes_out.note(self.state.traffic("bytes_out"))

    def collect(self) -> None:
        """Collect young garbage while that is cheap; else move all that is young to where no collection looks.

        Python's count says little where many old objects went, which it subtracts, or where few but large ones came:
        the dicts that eviction makes anew took 30 ms. So what was done in the last second counts too.
        """
        done = self.commands.samples[-1] + self.changes.samples[-1]
        if gc.get_count()[0] < YOUNG_ENOUGH and done < YOUNG_ENOUGH:
            gc.collect(1)
        else:
            gc.freeze()

    def watch_pause(self) -> None:
        """Wake up when the pause of CLIENT PAUSE is over; one that ended early may have left its timer behind."""
        if self.pause_timer is not None:
            self.pause_timer.stop()
            self.pause_timer.close()
        loop = get_hub().loop
        loop.update_now()
        delay_ms = max(0, self.state.pause_until_ms - self.state.clock.update())
        self.pause_timer = loop.timer(delay_ms / 1000)
        self.pause_timer.start(self.end_pause)

    def end_pause(self) -> None:
        """The pause may be over, or have been made longer."""
        self.pause_timer.close()
        self.pause_timer = None
        if self.state.pause_until_ms > self.state.clock.update():
            self.watch_pause()
        else:
            self.state.end_pauses()
