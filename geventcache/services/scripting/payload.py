"""Libraries as FUNCTION DUMP gives them and FUNCTION RESTORE takes them: the format of snapshots.

A payload is a list of entries, each an opcode and a string, then the format's version in two bytes and a CRC64 of all
before it. Strings are written plain; compressed ones of other servers are read.

Specification: https://rdb.fnordig.de/file_format.html
"""

from __future__ import annotations

from collections.abc import Iterable

import lzf

from geventcache.base.errors import CommandError
from geventcache.persistence.checksum import crc64

OPCODE = 0xF5
VERSION = 80
FOOTER_SIZE = 10
LONGEST = 512 << 20
MOST_EXPANDED = 132  # bytes that one byte of a reference can stand for
WRONG_CHECKSUM = b"ERR DUMP payload version or checksum are wrong"
WRONG_TYPE = b"ERR given type is not a function"
WRONG_DATA = b"ERR failed loading library data"


def dump(codes: Iterable[bytes]) -> bytes:
    """The payload of the codes of libraries."""
    entries = b"".join(bytes([OPCODE]) + length(len(code)) + code for code in codes)
    body = entries + VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def length(n: int) -> bytes:
    """The length of a string."""
    if n < 1 << 6:
        return bytes([n])
    if n < 1 << 14:
        return (n | 1 << 14).to_bytes(2, "big")
    return b"\x80" + n.to_bytes(4, "big")


def restore(payload: bytes) -> list[bytes]:
    """The codes in a payload.

    Raises:
        CommandError: it is none.
    """
    body = payload[:-8]
    version = int.from_bytes(body[-2:], "little")
    if len(payload) < FOOTER_SIZE or version > VERSION or crc64(body) != int.from_bytes(payload[-8:], "little"):
        raise CommandError(WRONG_CHECKSUM)
    reader = Reader(body[:-2])
    codes = []
    while reader.position < len(reader.data):
        if reader.take(1)[0] != OPCODE:
            raise CommandError(WRONG_TYPE)
        codes.append(reader.string())
    return codes


class Reader:
    """Reads a payload's entries."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            CommandError: there are not as many.
        """
        taken = self.data[self.position : self.position + size]
        if len(taken) < size:
            raise CommandError(WRONG_DATA)
        self.position += size
        return taken

    def integer(self) -> tuple[int, bool]:
        """A length; or the kind of a special encoding, and True."""
        first = self.take(1)[0]
        kind, low = first >> 6, first & 0x3F
        if kind == 0:
            return low, False
        if kind == 1:
            return low << 8 | self.take(1)[0], False
        if kind == 2:
            return int.from_bytes(self.take(8 if low == 1 else 4), "big"), False
        return low, True

    def string(self) -> bytes:
        """A string, whatever its encoding."""
        value, is_special = self.integer()
        if not is_special:
            return self.take(value)
        if value < 3:
            return b"%d" % int.from_bytes(self.take(1 << value), "little", signed=True)
        packed_size, size = self.integer()[0], self.integer()[0]
        return decompress(self.take(packed_size), size)


def decompress(data: bytes, size: int) -> bytes:
    """Bytes that LZF compressed, `size` of them, which is checked before memory is taken.

    Raises:
        CommandError: they are not.
    """
    if not 0 < size <= min(LONGEST, len(data) * MOST_EXPANDED):
        raise CommandError(WRONG_DATA)
    try:
        text: bytes | None = lzf.decompress(data, size)
    except (ValueError, OverflowError):
        text = None
    if text is None or len(text) != size:
        raise CommandError(WRONG_DATA)
    return text
