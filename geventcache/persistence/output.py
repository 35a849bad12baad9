# cython: boundscheck=False, wraparound=False
"""Writes a snapshot's numbers and strings; `cursor` tells how they look."""

import cython
import lzf

from geventcache.base.numbers import parse_integer

LONGEST_INTEGER = 11
SHORTEST_COMPRESSED = 21
LONGEST_COMPRESSED = (1 << 31) - 1  # liblzf counts in 32 bits
LEAST_SAVED = 4


class Output:
    """Appends to `data`, which its owner empties whenever it likes.

    Attributes:
        compresses: strings that LZF makes shorter are written so.
    """

    def __init__(self, compresses: cython.bint) -> None:
        self.data = bytearray()
        self.compresses = compresses

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = bytes(self.data)
        self.data.clear()
        return taken

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
        self.data += text

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
