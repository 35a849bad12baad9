"""The options that SET, GETEX and MSETEX share: NX, XX, IFEQ, GET, KEEPTTL, PERSIST, EX, PX, EXAT, PXAT."""

from __future__ import annotations

from collections.abc import Sequence

from geventcache.base.errors import SYNTAX, CommandError
from geventcache.command.expiration import parse_expiration

CONDITIONS = frozenset((b"NX", b"XX", b"IFEQ"))
UNITS = frozenset((b"EX", b"PX", b"EXAT", b"PXAT"))
DEADLINES = UNITS | {b"KEEPTTL", b"PERSIST"}
WITH_VALUE = UNITS | {b"IFEQ"}


class StringOptions:
    """What the options of a request say.

    Attributes:
        condition: NX, XX or IFEQ; None for none. expected: the value that IFEQ asks for.
        gets: GET was given.
        deadline: EX, PX, EXAT, PXAT, KEEPTTL or PERSIST; None for none. amount: the text behind a unit.
    """

    def __init__(self, words: Sequence[bytes], allowed: frozenset[bytes]) -> None:
        """Read `words`, of which those in `allowed` (and the units) may occur.

        Raises:
            CommandError: a word is unknown, lacks its value, or excludes another one.
        """
        self.condition: bytes | None = None
        self.expected = b""
        self.gets = False
        self.deadline: bytes | None = None
        self.amount = b""
        remaining = iter(words)
        for word in remaining:
            name = word.upper()
            if name not in UNITS and name not in allowed:
                raise CommandError(SYNTAX)
            value = next(remaining, None) if name in WITH_VALUE else b""
            if value is None or not self.take(name, value):
                raise CommandError(SYNTAX)

    def take(self, name: bytes, value: bytes) -> bool:
        """Note one option; False if another one forbids it. Only IFEQ may not even follow itself."""
        if name in CONDITIONS:
            if self.condition is not None and (name != self.condition or name == b"IFEQ"):
                return False
            self.condition, self.expected = name, value
        elif name in DEADLINES:
            if self.deadline not in (None, name):
                return False
            self.deadline, self.amount = name, value
        else:
            self.gets = True
        return True

    def deadline_ms(self, now_ms: int, name: bytes) -> int:
        """The deadline in milliseconds since the epoch; 0 when no unit was given.

        Raises:
            CommandError: it is none; `name` is the command.
        """
        if self.deadline not in UNITS:
            return 0
        return parse_expiration(self.deadline, self.amount, now_ms, name)
