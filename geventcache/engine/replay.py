# cython: boundscheck=False, wraparound=False
"""Carries out a stream of requests that another server has written, as it did itself.

The rules:

- It is the other server that decides: no gate is asked, nothing is due (`Clock.stand_still`), and times that count from
  now are made absolute before.
- What stands between MULTI and EXEC is carried out at once, or not at all.
- `position` is that of the last byte whose request was carried out: whoever goes on from there misses nothing and gets
  nothing twice. Bytes are counted as they are encoded by everybody: arrays of bulk strings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import cython

from geventcache.base.errors import CommandError
from geventcache.command import effects
from geventcache.command.table import Command
from geventcache.resp.reader import RequestReader
from geventcache.resp.requests import size_of
from geventcache.services.clients import Client

REQUESTS_A_STEP = 64
LONGEST = 1 << 62
UNKNOWN = CommandError(b"ERR there is no such command here")
# What older servers send as it came to them, with times that count from now.
RELATIVE = frozenset(
    [effects.set_, effects.setex, effects.psetex, effects.expire, effects.pexpire, effects.getex, effects.restore]
)
RELATIVE_WORDS = frozenset([b"EX", b"PX"])
PLACES_OF_WORDS = {effects.set_: 3, effects.getex: 2}
ABSOLUTE = b"ABSTTL"


class StreamError(Exception):
    """The stream makes no sense; the text says why."""


class Replay:
    """Carries out the stream of one server.

    Args:
        client: as whom.
        on_passed: called with bytes whose requests have been carried out, as they came: many are not copied.
        on_ask: called when the other server asks how far this one is.
        on_failure: called with the name of a command and its error, where a request failed.

    Attributes:
        position: see above.
        waiting: requests that have come and were not carried out.
        unpassed: the bytes from `position` on, but for the first `passed`; done: how many of these are carried out.
        unit: the requests of the transaction that is coming, None outside of one; unit_bytes: of what is not done.
    """

    def __init__(
        self,
        state: Any,
        client: Client,
        position: int,
        on_passed: Callable[[list[bytes]], None],
        on_ask: Callable[[], None],
        on_failure: Callable[[bytes, CommandError], None],
    ) -> None:
        self.clock = state.clock
        self.engine = state.engine
        self.table = state.table
        self.multi, self.exec, self.replconf = [self.table.find([name]) for name in (b"MULTI", b"EXEC", b"REPLCONF")]
        self.client = client
        self.position = position
        self.on_passed = on_passed
        self.on_ask = on_ask
        self.on_failure = on_failure
        self.reader = RequestReader(LONGEST, LONGEST)
        self.waiting: deque[list[bytes]] = deque()
        self.unpassed: deque[bytes] = deque()
        self.passed = 0
        self.unit: Any = None
        self.unit_bytes = 0
        self.done = 0

    def feed(self, data: bytes) -> None:
        """Bytes of the stream have come."""
        self.unpassed.append(data)
        self.waiting.extend(self.reader.feed(data, len(data)))

    def check(self) -> None:
        """To be called when nothing waits: does the stream go on?

        Raises:
            StreamError: what came last is no request.
        """
        if self.reader.error is not None:
            raise StreamError(f"protocol error: {self.reader.error.text.decode(errors='replace')}")

    def step(self) -> None:
        """Carry out some of the requests that wait.

        Raises:
            StreamError: one of them cannot be carried out here at all.
        """
        self.done = 0
        try:
            for _ in range(min(len(self.waiting), REQUESTS_A_STEP)):
                self.carry_out(self.waiting.popleft())
        finally:
            self.pass_on()

    def carry_out(self, args):
        """Carry out a request, or keep it until its transaction is complete; and count it."""
        command: Command = self.table.find(args)
        if command is not None and not self.is_special(command, args):
            self.take(command, args)
        elif command is None:
            self.on_failure(args[0], UNKNOWN)
        self.unit_bytes += size_of(args)
        if self.unit is None:
            self.done += self.unit_bytes
            self.unit_bytes = 0

    def is_special(self, command, args):
        """Carry out what is about the stream itself; False if it is another request."""
        if command is self.multi:
            self.unit = []
        elif command is self.exec:
            self.run(self.unit or [])
            self.unit = None
        elif command is self.replconf:
            self.pass_on()  # who asks counts up to the question
            self.answer(args)
        else:
            return False
        return True

    def pass_on(self) -> None:
        """Tell of the bytes that are done."""
        left: cython.Py_ssize_t = self.done
        if not left:
            return
        pieces: list[bytes] = []
        while left:
            block: bytes = self.unpassed[0]
            piece: bytes = block[self.passed : self.passed + left]
            pieces.append(piece)
            left -= len(piece)
            self.passed += len(piece)
            if self.passed == len(block):
                self.unpassed.popleft()
                self.passed = 0
        self.position += self.done
        self.done = 0
        self.on_passed(pieces)

    def answer(self, args):
        """The other server asks, or tells something."""
        if len(args) > 1 and args[1].upper() == b"GETACK":
            self.on_ask()

    def take(self, command, args):
        """A request comes by itself, or within a unit."""
        if command.handler is None or not command.low <= len(args) <= command.high:
            self.on_failure(args[0], UNKNOWN)
            return
        calls: list = [(command, args)]
        if command.effect in RELATIVE and is_relative(command.effect, args):
            requests = absolute(command, args, self.clock.now_ms)
            calls = [(self.table.find(request), request) for request in requests]
        if self.unit is None:
            self.run(calls)
        else:
            self.unit += calls

    def run(self, calls):
        """Carry out requests as a unit.

        Raises:
            StreamError: one of them is for a database that is not here.
            DefectError: one was not carried out, though it could be: it does not count, and the data may differ.
        """
        for command, error in self.engine.replay(self.client, calls):
            if command.name == b"select":
                raise StreamError("it uses a database that is not here: the setting databases is too low")
            self.on_failure(command.name, error)


def absolute(command: Any, args: list[bytes], now_ms: int) -> list[list[bytes]]:
    """What does the same as a request whose time counts from now."""
    try:
        requests: list[list[bytes]] = command.effect(args, None, now_ms)
    except (ValueError, IndexError, CommandError):
        return [args]  # the command itself has the right words for it
    return requests


def is_relative(effect: Any, args: list[bytes]) -> bool:
    """Does a request set a time that counts from now?"""
    if effect in PLACES_OF_WORDS:
        return not RELATIVE_WORDS.isdisjoint([word.upper() for word in args[PLACES_OF_WORDS[effect] :]])
    return effect is not effects.restore or ABSOLUTE not in [word.upper() for word in args[4:]]
