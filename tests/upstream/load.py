"""Writers and readers at near sides, and the history of what they see.

Readers go by two near sides, writers of half of the keys too. The other half is written by a third one alone, by which
nobody reads: of those the two know by what they are told.
"""

from __future__ import annotations

import random
import threading
import time

from ..support.client import Client
from ..support.history import History
from ..support.process import Process
from ..support.workers import Crew

KEYS = [f"register:{i}" for i in range(24)]
FOREIGN = frozenset(KEYS[12:])
ELSEWHERE = 2
WRITERS = 4
READERS = 6
TIMEOUT_MS = 500
# Silence of that long is noticed at the next look, of which there are four in the time; the rest is the machine's.
NEWS_S = TIMEOUT_MS / 1000 * 1.25 + 0.5
CALM_S = 0.3


OPTIONS = ("--upstream-timeout", str(TIMEOUT_MS), "--upstream-retry-time", "8000")


class Run(Crew):
    """Writers and readers."""

    def __init__(self, sides: list[Process], history: History) -> None:
        super().__init__()
        self.sides = sides
        self.history = history
        self.broken: list[BaseException] = []
        for work, workers in ((self.write, WRITERS), (self.read, READERS)):
            for i in range(workers):
                self.employ(self.guard, work, i)

    def guard(self, function: object, number: int) -> None:
        """What a thread raises belongs to the test."""
        try:
            function(number)  # type: ignore[operator]
        except BaseException as error:
            self.broken.append(error)

    def clients(self) -> list[Client]:
        """A client of each side."""
        clients = [side.connect(2 + i % 2) for i, side in enumerate(self.sides)]
        for client in clients:
            client.socket.settimeout(60)
        return clients

    def write(self, number: int) -> None:
        """Write to keys of this writer alone, by one side or the other."""
        clients = self.clients()
        chance = random.Random(number)
        while not self.is_over.is_set():
            key = chance.choice(KEYS[number::WRITERS])
            side = ELSEWHERE if key in FOREIGN else chance.randrange(ELSEWHERE)
            write = self.history.begin(key, side)
            reply = clients[side].do("SET", key, write.number)
            write.is_uncertain = reply.is_error and reply.value.startswith(b"UNCERTAIN")
            write.is_refused = reply.is_error and not write.is_uncertain
            if not reply.is_error:
                write.ended_s = time.monotonic()

    def read(self, number: int) -> None:
        """Read keys, one by one and several, by one side."""
        side = number % ELSEWHERE
        client = self.clients()[side]
        chance = random.Random(number)
        while not self.is_over.is_set():
            keys = chance.sample(KEYS, chance.choice((1, 1, 1, 5)))
            began_s = time.monotonic()
            reply = client.do("MGET", *keys) if len(keys) > 1 else client.do("GET", keys[0])
            if not reply.is_error:
                values = [one.value for one in reply.value] if len(keys) > 1 else [reply.value]
                for key, value in zip(keys, values, strict=True):
                    self.history.note_read(key, side, began_s, int(value or 0))


def calm() -> None:
    """Let them work for a while; what is asserted does not depend on how long that is."""
    threading.Event().wait(CALM_S)
