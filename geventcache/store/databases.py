"""The numbered databases of one server, and the graveyard that frees what they dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from geventcache.base.clock import Clock
from geventcache.base.table import Table
from geventcache.store.changes import Changes
from geventcache.store.keyspace import Keyspace
from geventcache.types.container import Container
from geventcache.types.limits import EncodingLimits

FREED_A_STEP = 512


class Graveyard:
    """Values too large to be freed at once. Whoever has time calls `step`.

    Attributes:
        leaves_much: much was freed elsewhere, which the system may have back.
    """

    def __init__(self) -> None:
        self.values: deque[Any] = deque()
        self.freed = 0
        self.leaves_much = False

    def append(self, value: Any) -> None:
        """Bury a container, a table, or tickets: whatever is released in steps."""
        self.values.append(value)

    def extend(self, values: Any) -> None:
        """Bury several."""
        self.values.extend(values)

    def __len__(self) -> int:
        return len(self.values)

    def note_much(self) -> None:
        """Much was freed at once: the system should have it back when there is time."""
        self.leaves_much = True

    def step(self) -> bool:
        """Free some hundred elements; return whether nothing is left."""
        values = self.values
        if not values:
            return True
        if self.release(values[0]):
            values.popleft()
            self.freed += 1
        return not values

    def release(self, value: Any) -> bool:
        """Free some elements of a value, a table's containers apart; return whether it is empty."""
        if isinstance(value, Table):
            return value.release(FREED_A_STEP, self.bury)
        is_empty: bool = value.release(FREED_A_STEP)
        return is_empty

    def bury(self, value: Any) -> None:
        """An object of a table that is freed."""
        if isinstance(value, Container):
            self.append(value)


class Databases:
    """The databases 0 to `count` - 1, each made when it is first asked for.

    Attributes:
        are_uses_paused: the running command is to leave no traces.
        on_created: what is called with each new keyspace.
    """

    def __init__(self, count: int, clock: Clock, limits: EncodingLimits | None = None) -> None:
        self.count = count
        self.clock = clock
        self.limits = limits or EncodingLimits()
        self.changes = Changes()
        self.changes.on_observed = self.set_observed
        self.graveyard = Graveyard()
        self.made: dict[int, Keyspace] = {}
        self.are_uses_paused = False
        self.on_created: list[Callable[[Keyspace], None]] = []

    def get(self, index: int) -> Keyspace:
        """The database of that number (which the caller has checked)."""
        keyspace = self.made.get(index)
        if keyspace is None:
            keyspace = self.made[index] = Keyspace(index, self.clock, self.limits, self.changes, self.graveyard)
            keyspace.observed = bool(self.changes.listeners)
            for prepare in self.on_created:
                prepare(keyspace)
        return keyspace

    def existing(self) -> list[Keyspace]:
        """The databases made so far, by number."""
        return [self.made[index] for index in sorted(self.made)]

    def set_observed(self, observed: bool) -> None:
        """Somebody listens to changes, or nobody any more."""
        for keyspace in self.made.values():
            keyspace.observed = observed

    def pause_uses(self, are_paused: bool) -> None:
        """Note no uses of keys for a while, or note them again."""
        if self.are_uses_paused != are_paused:
            self.are_uses_paused = are_paused
            for keyspace in self.made.values():
                if keyspace.uses is not None:
                    keyspace.uses.is_paused = are_paused

    def flush(self) -> int:
        """Empty all databases; return how many keys there were."""
        return sum(keyspace.flush() for keyspace in self.existing())
