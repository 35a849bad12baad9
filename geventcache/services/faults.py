"""Faults that tests ask for: what servers and networks do to clients on bad days.

The rules:

- A fault is met by a request that the gate lets pass, before it runs; of several that fit, the first that was added.
- The commands that steer the server meet none, so that faults can always be taken away.
- While there is no fault, nothing asks for one: the question of the gate applies only while there are some.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from geventcache.base.glob import compile_glob
from geventcache.command.introspection import keys_read

ERROR = b"error"
DELAY = b"delay"
BEFORE = b"close-before"
AMID = b"close-amid"
AFTER = b"close-after"
DROP = b"drop"
REFUSE = b"refuse"
KINDS = (ERROR, DELAY, BEFORE, AMID, AFTER, DROP, REFUSE)
ANY = b"*"
STEERING = b"geventcache"


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: of `KINDS`: an error reply instead of the command, a delay before it, a connection that is closed before,
            amid or after the reply, a reply that does not come, a connection that is refused.
        text: of the error reply; delay_ms: of the delay.
        command, user, client, key: patterns of what meets it: the command's name, or its container's; the user's name;
            the client's name, number or address; any of the keys.
        times: how often it happens at most, 0 for as often as one likes; hits: how often it has happened.
        probability: that what could meet it does.
        seed: of the dice, None for others each time.
        id: its number.
    """

    kind: bytes
    text: bytes = b""
    delay_ms: int = 0
    command: bytes = ANY
    user: bytes = ANY
    client: bytes = ANY
    key: bytes = ANY
    times: int = 0
    probability: float = 1.0
    seed: int | None = None
    id: int = 0
    hits: int = 0
    dice: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.fits_command = compile_glob(self.command, True)
        self.fits_user = compile_glob(self.user)
        self.fits_client = compile_glob(self.client)
        self.fits_key = compile_glob(self.key)

    def fits(self, client: Any, command: Any, args: list[bytes]) -> bool:
        """Is this request one of those that can meet it?"""
        return bool(
            any(map(self.fits_command, (command.name, command.name.partition(b"|")[0])))
            and self.fits_user(client.user)
            and any(map(self.fits_client, (client.name, b"%d" % client.id, client.address)))
            and (self.key == ANY or any(map(self.fits_key, keys_read(command.declaration, args))))
        )

    def happens(self) -> bool:
        """Throw the dice; count it if it happens."""
        if self.probability < 1 and self.dice.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def is_over(self) -> bool:
        """Has it happened as often as it was to?"""
        return 0 < self.times <= self.hits


class Faults:
    """The faults of one server.

    Attributes:
        has_connections: clients have some, so that there is more to go wrong than commands.
        met: by client, the fault that its running request has met.
        delays: by client, for how many milliseconds its request is put off, until its connection asks.
        passing: clients whose request was put off and is run now.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.has_connections = True
        self.all: dict[int, Fault] = {}
        self.last_id = 0
        self.met: dict[Any, Fault] = {}
        self.delays: dict[Any, int] = {}
        self.passing: set[Any] = set()

    def __bool__(self) -> bool:
        return bool(self.all) or bool(self.met) or bool(self.passing)

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self.all.values()))

    def add(self, fault: Fault) -> int:
        """Let it happen from now on; return its number.

        Raises:
            ValueError: it concerns connections, and there are none.
        """
        if fault.kind != ERROR and not self.has_connections:
            raise ValueError("a cache without a socket has no connections that could fail")
        self.last_id += 1
        fault.id = self.last_id
        self.all[fault.id] = fault
        self.state.review()
        return fault.id

    def clear(self, ids: list[int] | None = None) -> int:
        """Let those of these numbers happen no more, or all; return how many there were."""
        count = len(self.all)
        for one in list(self.all) if ids is None else ids:
            self.all.pop(one, None)
        self.state.review()
        return count - len(self.all)

    def forget(self, client: Any) -> None:
        """A client has gone, or its request is done."""
        fault = self.met.pop(client, None)
        delay_ms = self.delays.pop(client, None)
        if fault is not None or delay_ms is not None or client in self.passing:
            self.passing.discard(client)
            self.state.chores.append(self.state.review)  # there may be nothing left to ask for

    # ------------------------------------------------------------------ what happens to a request

    def meet(self, client: Any, command: Any, args: list[bytes]) -> bytes | None:
        """A request is about to run: the error text that it gets instead, or None; other faults are noted."""
        if client.blocked is not None or command.name.startswith(STEERING):
            return None  # what waited has met its fault when it came
        is_passing = client in self.passing
        self.forget(client)
        fault = None if is_passing else self.first(client, command, args)
        if fault is not None and fault.kind != ERROR:
            self.met[client] = fault
        return fault.text if fault is not None and fault.kind == ERROR else None

    def first(self, client: Any, command: Any, args: list[bytes]) -> Fault | None:
        """The fault that a request meets, None if it is lucky."""
        for fault in self:
            if fault.kind != REFUSE and fault.fits(client, command, args) and fault.happens():
                self.drop_over(fault)
                return fault
        return None

    def drop_over(self, fault: Fault) -> None:
        """One that has happened as often as it was to happens no more."""
        if fault.is_over():
            self.all.pop(fault.id, None)
            self.state.chores.append(self.state.review)

    def holds(self, client: Any) -> bool:
        """Has the request of a client met a fault for which it does not run, or not yet?"""
        fault = self.met.get(client)
        if fault is None or fault.kind not in (DELAY, BEFORE):
            return False
        self.forget(client)
        if fault.kind == BEFORE:
            client.close()
        else:
            self.delays[client] = fault.delay_ms
            self.passing.add(client)
            client.postponed = True
            client.hold()
        return True

    def after_command(self, client: Any) -> None:
        """The request of a client has run and its reply, if it does not wait, is written but not sent."""
        fault = self.met.get(client)
        if fault is None or client.blocked is not None:
            return
        if fault.kind in (DROP, AMID):
            self.state.engine.cut_reply(fault.kind == AMID)
        self.end(client, fault)

    def after_wait(self, client: Any) -> None:
        """The request of a client that waited has its reply: the last message in its outbox."""
        fault = self.met.get(client)
        if fault is None or not client.outbox:
            return
        if fault.kind in (DROP, AMID):
            reply = client.outbox.pop()
            rest = reply[: len(reply) // 2] if fault.kind == AMID else b""
            client.outbox.append(rest)
            client.outbox_size -= len(reply) - len(rest)
        self.end(client, fault)

    def end(self, client: Any, fault: Fault) -> None:
        """The fault of a request is done with, but for its connection."""
        self.forget(client)
        if fault.kind in (AMID, AFTER):
            client.close()

    def refuses(self) -> bool:
        """Is a new connection to be refused?"""
        for fault in self:
            if fault.kind == REFUSE and fault.happens():
                self.drop_over(fault)
                return True
        return False
