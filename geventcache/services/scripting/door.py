"""The host's side of the door between scripts and the server (`lua/door.lua` is the other side).

Lua enters with an operation and its arguments; `answer` is called with both, and gives what is to come back: a kind,
and a number or a text. Nothing of Lua's is touched meanwhile: an allocation of Lua's that fails is a jump, which would
pass over frames of ours and leave the interpreter's lock held for ever. So what is given waits in memory of the door's
until Lua takes it, or the door is entered again; and nothing is raised into Lua.

Compiled, ``door.pyx`` stands in the place of `Door`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

KIND, VALUE, VERDICT, IS_RESP3, LIMIT, LOG_LEVEL, FACTS = range(7)
ANSWER, REASON, PLACES = range(3)
FEW = 8  # arguments whose places are those of the door
# What is asked for.
CALL, ALLOWED, SHA1, LOG, MORE, TICK, PROTOCOL = range(7)
# What comes back: from TEXT on with a text. LOST says that no answer could be made.
LOST, NUMBER, OKAY, FALSE, NIL, ENDED, TEXT, RESP, FAILED = 0, 1, 2, 3, 4, 5, 8, 9, 10

Entry = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
)
text_at: Callable[[int, int], bytes] = ctypes._string_at  # type: ignore[attr-defined]  # what string_at calls


class Host:
    """Who is asked through a door."""

    def answer(self, operation: Any, args: list[Any]) -> None:
        """A script asks for something. Arguments are byte strings, or numbers; an integer may be either."""
        raise NotImplementedError


class Door:
    """The door that scripts of LuaJIT enter by its ffi."""

    def __init__(self, inside: Host) -> None:
        self.inside = inside
        self.facts = (ctypes.c_double * FACTS)()
        self.places = (ctypes.c_char_p * PLACES)()
        self.texts = (ctypes.c_void_p * FEW)()
        self.numbers = (ctypes.c_double * FEW)()
        self.entry = Entry(self.enter)
        self.facts[VERDICT] = -1

    def addresses(self) -> dict[bytes, float]:
        """What Lua has to know."""
        entry: Any = ctypes.cast(self.entry, ctypes.c_void_p).value
        arrays: list[Any] = [self.facts, self.places, self.texts, self.numbers]
        facts, places, texts, numbers = map(float, map(ctypes.addressof, arrays))
        return {
            b"enter": float(entry),
            b"host": 0.0,
            b"facts": facts,
            b"places": places,
            b"texts": texts,
            b"numbers": numbers,
        }

    def limit(self, size: int) -> None:
        """From now on Lua has so many bytes."""
        self.facts[LIMIT] = size

    def log_from(self, level: int) -> None:
        """From now on lines of the log below a level are dropped: Lua need not come for them."""
        self.facts[LOG_LEVEL] = level

    def wants_resp3(self) -> bool:
        """Does the script want replies in RESP3?"""
        return bool(self.facts[IS_RESP3])

    def give(self, kind: int, number: float = 0) -> None:
        """Answer without a text."""
        self.facts[KIND], self.facts[VALUE] = kind, number

    def give_text(self, kind: int, text: bytes) -> None:
        """Answer with a text."""
        self.places[ANSWER] = text
        self.facts[KIND], self.facts[VALUE] = kind, len(text)

    def give_verdict(self, text: bytes) -> None:
        """The script has to end."""
        self.places[REASON] = text
        self.facts[VERDICT] = len(text)

    def enter(self, _: int, operation: int, count: int, texts: int, numbers: int) -> None:
        """Lua comes in."""
        try:
            places: Any = self.texts
            sizes: Any = self.numbers
            if count > FEW:
                places, sizes = (
                    (ctypes.c_void_p * count).from_address(texts),
                    (ctypes.c_double * count).from_address(numbers),
                )
            args: list[Any] = []
            for i in range(count):
                place, size = places[i], sizes[i]
                args.append(size if place is None else text_at(place, int(size)))
            self.inside.answer(operation, args)
        except BaseException:  # MemoryError: what raises others has dealt with them
            self.facts[KIND] = LOST
