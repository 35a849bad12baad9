"""The door of a Lua without ffi: numbers go over its stack, which takes no memory, and texts by way of its compiler.

What lupa itself allocates when a request needs more memory than Python has is the one thing that is left unprotected.
"""

from __future__ import annotations

from typing import Any

from geventcache.services.scripting.door import LOST, NIL, PROTOCOL, TICK, Door, Host

PIECE = 1 << 20
EMPTY = b"local box = ... for i = #box, 1, -1 do box[i] = nil end"


class PlainDoor(Door):
    """A door of the same use as `Door`."""

    def __init__(self, inside: Host, lua: Any) -> None:
        super().__init__(inside)
        self.asked = inside.answer
        self.lua = lua
        self.mail = lua.table()
        self.words = lua.table()
        self.kind, self.value = NIL, 0.0
        self.is_resp3 = False

    def addresses(self) -> dict[bytes, Any]:
        """What Lua has to know."""
        return {b"enter": self.ask, b"peek": self.peek, b"mail": self.mail, b"words": self.words}

    def wants_resp3(self) -> bool:
        """Does the script want replies in RESP3?"""
        return self.is_resp3

    def limit(self, size: int) -> None:
        """Nothing: see `post`."""

    def log_from(self, level: int) -> None:
        """Nothing: Lua comes for every line."""

    def give(self, kind: int, number: float = 0) -> None:
        """Answer without a text."""
        self.kind, self.value = kind, number

    def give_text(self, kind: int, text: bytes) -> None:
        """Answer with a text."""
        self.kind = kind if self.has_posted(self.mail, text) else LOST

    def give_verdict(self, text: bytes) -> None:
        """The script has to end."""
        self.has_posted(self.words, text)

    def has_posted(self, box: Any, text: bytes) -> bool:
        """Put a text into a table of Lua's, in pieces; tell whether there was room for it."""
        try:
            self.lua.execute(EMPTY, box)
            for start in range(0, len(text), PIECE):
                chunk = b"local box = ... box[#box + 1] = " + quoted(text[start : start + PIECE])
                try:
                    self.lua.execute(chunk, box)
                except MemoryError:
                    self.lua.execute(b"(...).collect()", self.mail)
                    self.lua.execute(chunk, box)
        except Exception:  # LuaError: of memory, or of Lua's stack
            return False
        return True

    def ask(self, operation: int, is_joined: bool, *args: Any) -> tuple[int, float]:
        """Lua comes in; return the kind of the answer, and a number."""
        if operation == PROTOCOL:
            self.is_resp3 = bool(args[0])
            return NIL, 0
        if operation != TICK:  # which comes at any time, and has its own answer
            self.kind, self.value = LOST, 0
        try:
            self.asked(operation, separate(*args) if is_joined else list(args))
        except BaseException:  # MemoryError: what raises others has dealt with them
            return LOST, 0
        return self.peek()

    def peek(self) -> tuple[int, float]:
        """What was given last."""
        return self.kind, self.value


def quoted(text: bytes) -> bytes:
    """A text as it stands in a source of Lua."""
    for byte, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\0", b"\\000")):
        text = text.replace(byte, escaped)
    return b'"' + text + b'"'


def separate(sizes: bytes, body: bytes) -> list[Any]:
    """Arguments that came as one text; a negative size is that of a number."""
    args: list[Any] = []
    start = 0
    for size in map(int, sizes.split(b",")):
        end = start + abs(size)
        part = body[start:end]
        args.append(part if size >= 0 else float(part))
        start = end
    return args
