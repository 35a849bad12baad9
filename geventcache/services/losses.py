"""What went without a command that asked for it: keys and fields that expired, keys that were evicted.

`Losses` notes what is lost while it is still there, and hands it over in batches to whoever takes it: between two
commands, and after each stride of the worker of expiry, as a part of its slices. While nobody takes anything, nothing
is noted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from geventcache.base.times import NEVER_MS
from geventcache.persistence.payload import dump
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types.container import Container

EXPIRED = b"expired"
EVICTED = b"evicted"
FIELD_EXPIRED = b"hexpired"
MEMORY_A_BYTE = 32  # of a container that is worth writing, to find out how many bytes that gives


class Loss(NamedTuple):
    """One key, or one field, that is gone.

    Attributes:
        database: its number.
        event: `EXPIRED`, `EVICTED` or `FIELD_EXPIRED`.
        key, field: its names; no field if it is a key.
        kind: the type of the key.
        value: of a string or a field its bytes, of another type what RESTORE takes; None if nobody asks for it, if it
            is too large, or if a command has set the field anew.
        length: bytes of a string or a field's value, elements of another type.
        deadline_ms: when it was due; None if it had no deadline.
        lag_ms: by how much later it went.
    """

    database: int
    event: bytes
    key: bytes
    field: bytes | None
    kind: bytes
    value: bytes | None
    length: int
    deadline_ms: int | None
    lag_ms: int

    def fit(self, most: int) -> bytes | None:
        """The value for a taker of up to so many bytes, 0 for none: of a string or a field cut, else whole or not."""
        if self.value is None or not most:
            return None
        if self.kind == b"string" or self.field is not None:
            return self.value[:most]
        return self.value if len(self.value) <= most else None


class Taker:
    """Who takes losses.

    Attributes:
        most_bytes: of a value that it wants, 0 if it wants none.
    """

    most_bytes = 0

    def take(self, losses: list[Loss]) -> None:
        """Take a batch."""
        raise NotImplementedError


class Losses:
    """The losses of one server.

    Attributes:
        noted: what is to be handed over.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.changes = state.changes
        self.clock = state.clock
        self.takers: list[Taker] = []
        self.noted: list[Loss] = []
        self.most_bytes = 0

    def give_to(self, taker: Taker) -> None:
        """Let `taker` have what is lost from now on, or ask it anew how much it wants."""
        if taker not in self.takers:
            self.takers.append(taker)
        self.review()

    def give_no_more(self, taker: Taker) -> None:
        """Let it have nothing more, if it had anything."""
        if taker in self.takers:
            self.hand_over()
            self.takers.remove(taker)
        self.review()

    def review(self) -> None:
        """Find out what has to be noted."""
        self.most_bytes = max((taker.most_bytes for taker in self.takers), default=0)
        self.changes.on_losing = self.note if self.takers else None

    # ------------------------------------------------------------------ noting

    def note(
        self, keyspace: Keyspace, key: bytes, names: list[bytes] | None, kept: dict[bytes, tuple[bytes, int]] | None
    ) -> None:
        """A key is about to be lost, or fields are: see `Changes.on_losing`."""
        try:
            if not self.noted:
                self.state.chores.append(self.hand_over)
            if names is None:
                self.noted.append(self.loss_of(keyspace, key))
            else:
                self.noted += [self.field_loss(keyspace, key, name, (kept or {}).get(name)) for name in names]
        except MemoryError:
            pass  # it is lost all the same
        except Exception as error:  # a defect of ours must not keep a key that is over
            self.state.log.error("loss_not_noted", error=repr(error), exc_info=error)

    def loss_of(self, keyspace: Keyspace, key: bytes) -> Loss:
        """The loss of a key."""
        value = keyspace.last_value(key)
        deadline_ms: int = keyspace.table.deadline()
        now_ms: int = self.clock.now_ms
        is_due = deadline_ms <= now_ms
        kind, shown, length = self.facts_of(value)
        return Loss(
            keyspace.index,
            EXPIRED if is_due else EVICTED,
            key,
            None,
            kind,
            shown,
            length,
            deadline_ms if deadline_ms != NEVER_MS else None,
            now_ms - deadline_ms if is_due else 0,
        )

    def facts_of(self, value: Any) -> tuple[bytes, bytes | None, int]:
        """The type of a value, the value as it is told of, and its length."""
        most = self.most_bytes
        if not isinstance(value, Container):
            text = as_string(value)
            return b"string", text[:most] if most else None, len(text)
        length = len(value)
        if length > most or value.memory_usage() > most * MEMORY_A_BYTE:
            return value.type_name, None, length
        payload = dump(value, False)
        return value.type_name, payload if len(payload) <= most else None, length

    def field_loss(self, keyspace: Keyspace, key: bytes, field: bytes, facts: tuple[bytes, int] | None) -> Loss:
        """The loss of a field, whose value and deadline are known or not."""
        value, deadline_ms = facts or (None, None)
        most = self.most_bytes
        return Loss(
            keyspace.index,
            FIELD_EXPIRED,
            key,
            field,
            b"hash",
            value[:most] if most and value is not None else None,
            len(value or b""),
            deadline_ms,
            0 if deadline_ms is None else self.clock.now_ms - deadline_ms,
        )

    # ------------------------------------------------------------------ handing over

    def hand_over(self) -> None:
        """Give what is noted to all who take it; between two commands only."""
        noted, self.noted = self.noted, []
        if not noted:
            return
        for taker in self.takers:
            try:
                taker.take(noted)
            except Exception as error:
                self.state.log.error("losses_not_taken", error=repr(error), exc_info=error)
