# cython: boundscheck=False, wraparound=False
"""Writes a snapshot's numbers and strings; `cursor` tells how they look."""

import cython
import lzf

from geventcache.base.numbers import parse_integer

LONGEST_INTEGER = 11
SHORTEST_COMPRESSED = 21
LONGEST_COMPRESSED = 256 << 10  # which takes two milliseconds, in which nobody is served
LEAST_SAVED = 4
LARGE = 64 << 10


class Output:
    """Appends to `data`, which its owner empties whenever it likes.

    Attributes:
        data: what was written last.
        pieces: what was written before. A large string is one, and so it is not copied.
        size: how many bytes there are in both.
        compresses: strings that LZF makes shorter are written so.
    """

    def __init__(self, compresses: cython.bint) -> None:
        self.data = bytearray()
        self.pieces: list[bytes] = []
        self.cut_size = 0
        self.compresses = compresses

    @property
    def size(self) -> int:
        """How many bytes were written since the last time."""
        return self.cut_size + len(self.data)

    def take(self) -> bytes:
        """What was written since the last time."""
        return b"".join(self.take_pieces())

    def take_pieces(self) -> list[bytes]:
        """What was written since the last time, piece by piece."""
        self.cut()
        taken = self.pieces
        self.pieces = []
        self.cut_size = 0
        return taken

    def move(self, other: "Output") -> None:
        """Append what was written to another one."""
        for piece in other.take_pieces():
            self.put(piece)

    def cut(self) -> None:
        """Make a piece of what is in `data`, which is slow to grow when it is large."""
        if self.data:
            self.add_piece(bytes(self.data))
            self.data.clear()

    def add_piece(self, piece: bytes) -> None:
        """Append bytes without a copy of them; there is nothing in `data`."""
        self.pieces.append(piece)
        self.cut_size += len(piece)

    def byte(self, number: cython.uint) -> None:
        """Write a byte."""
        self.data.append(number)

    def raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.data += data

    def length(self, number: cython.ulonglong) -> None:
        """Write a length."""
        data = self.data
        if number < 64:
            data.append(number)
        elif number < 16384:
            data.append(0x40 | number >> 8)
            data.append(number & 255)
        elif number < 1 << 32:
            data.append(0x80)
            data += number.to_bytes(4, "big")
        else:
            data.append(0x81)
            data += number.to_bytes(8, "big")

    def string(self, text: bytes) -> None:
        """Write a string, as an integer or compressed where that is shorter."""
        size: cython.Py_ssize_t = len(text)
        if size <= LONGEST_INTEGER:
            if self.integer(text):
                return
        elif self.compresses and SHORTEST_COMPRESSED <= size <= LONGEST_COMPRESSED and self.compressed(text):
            return
        self.length(size)
        self.put(text)

    def put(self, text: bytes) -> None:
        """Write bytes as they are, without a copy of many."""
        if len(text) < LARGE:
            self.data += text
        else:
            self.cut()
            self.add_piece(text)

    def integer(self, text: bytes) -> cython.bint:
        """Write a string as an integer of up to four bytes; return whether it is one."""
        number = parse_integer(text)
        if number is None or not -0x80000000 <= number < 0x80000000:
            return False
        kind = 0 if -0x80 <= number < 0x80 else 1 if -0x8000 <= number < 0x8000 else 2
        self.data.append(0xC0 | kind)
        self.data += number.to_bytes(1 << kind, "little", signed=True)
        return True

    def compressed(self, text: bytes) -> cython.bint:
        """Write a string compressed; return whether that is worth it."""
        packed = lzf.compress(text, len(text) - LEAST_SAVED)
        if packed is None:
            return False
        self.data.append(0xC3)
        self.length(len(packed))
        self.length(len(text))
        self.data += packed
        return True
