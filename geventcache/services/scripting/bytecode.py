"""Compiled Lua 5.1 chunks: turn their tail calls into plain calls.

A tail call leaves no trace of the line it came from, and ``return server.call(...)`` is how most scripts end: their
errors could not say where. Without the tail call the same values are returned. Only the outermost functions of a chunk
are changed, so that a recursion that relies on tail calls keeps them.

Format: the header's sizes are those of this machine, as ``string.dump`` writes them.
"""

from __future__ import annotations

import struct

HEADER_SIZE = 12
OPCODE_MASK = 0x3F
CALL = 28
TAIL_CALL = 29
CONSTANT_SIZES = {0: 0, 1: 1, 3: 8}
STRING_CONSTANT = 4
BYTE_COUNTS = 4  # upvalues, parameters, flags of the varargs, stack size


class Chunk:
    """A dumped chunk that is walked through once.

    Attributes:
        code: its bytes.
        is_changed: whether a tail call was found.
    """

    def __init__(self, code: bytes) -> None:
        self.code = bytearray(code)
        self.position = HEADER_SIZE
        self.is_changed = False
        endian = "<" if code[6] else ">"
        self.integer = struct.Struct(endian + "i")
        self.size = struct.Struct(endian + ("Q" if code[8] == 8 else "I"))

    def keep_calls(self, depth: int) -> None:
        """Change the function that begins here, and those within it down to `depth` levels."""
        self.skip_string()
        self.position += 2 * self.integer.size + BYTE_COUNTS
        count = self.count()
        if depth >= 0:
            self.change(count)
        self.position += 4 * count
        for _ in range(self.count()):
            self.skip_constant()
        for _ in range(self.count()):
            self.keep_calls(depth - 1)
        self.skip_debug()

    def change(self, count: int) -> None:
        """Change the instructions that begin here."""
        for at in range(self.position, self.position + 4 * count, 4):
            (instruction,) = self.integer.unpack_from(self.code, at)
            if instruction & OPCODE_MASK == TAIL_CALL:
                self.integer.pack_into(self.code, at, instruction & ~OPCODE_MASK | CALL)
                self.is_changed = True

    def count(self) -> int:
        """Read an integer."""
        (value,) = self.integer.unpack_from(self.code, self.position)
        self.position += self.integer.size
        return int(value)

    def skip_string(self) -> None:
        """Pass a string."""
        (size,) = self.size.unpack_from(self.code, self.position)
        self.position += self.size.size + size

    def skip_constant(self) -> None:
        """Pass a constant."""
        kind = self.code[self.position]
        self.position += 1
        if kind == STRING_CONSTANT:
            self.skip_string()
        else:
            self.position += CONSTANT_SIZES[kind]

    def skip_debug(self) -> None:
        """Pass lines, names of locals and names of upvalues."""
        lines = self.count()
        self.position += lines * self.integer.size
        for _ in range(self.count()):
            self.skip_string()
            self.position += 2 * self.integer.size
        for _ in range(self.count()):
            self.skip_string()


def keep_calls(code: bytes, depth: int) -> bytes | None:
    """The chunk without tail calls in its main function and `depth` levels of functions within; None if it had none."""
    chunk = Chunk(code)
    chunk.keep_calls(depth)
    return bytes(chunk.code) if chunk.is_changed else None
