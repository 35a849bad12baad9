"""Requests and messages as bytes, as they are sent: arrays of bulk strings.

The compiled build has this from ``requests.pyx``; this is its twin, which serves uncompiled.
"""

from __future__ import annotations

from collections.abc import Sequence

LARGE_BYTES = 64 << 10


def size_of(request: Sequence[bytes]) -> int:
    """How many bytes a request takes."""
    return len(b"*%d\r\n" % len(request)) + sum(len(b"$%d\r\n\r\n" % len(text)) + len(text) for text in request)


def append_request(data: bytearray, request: Sequence[bytes]) -> None:
    """Append a request to bytes."""
    data += b"*%d\r\n" % len(request)
    for text in request:
        data += b"$%d\r\n%b\r\n" % (len(text), text)


def encode_message(mark: bytes, head: bytes, text: bytes) -> bytes:
    """A message by its first byte, what it begins with, encoded, and its last text."""
    return b"%b%b$%d\r\n%b\r\n" % (mark, head, len(text), text)


class RequestBuffer:
    """Requests one after the other.

    Where memory is short, MemoryError is raised; `cut` makes the buffer fit again.

    Attributes:
        size: how many bytes there are: of `data`, and of the pieces before.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.pieces: list[bytes | bytearray] = []
        self.before = 0

    @property
    def size(self) -> int:
        """See above."""
        return self.before + len(self.data)

    def append(self, request: Sequence[bytes]) -> None:
        """Append a request, large texts of it as pieces."""
        if sum(map(len, request)) < LARGE_BYTES:
            append_request(self.data, request)
            return
        self.data += b"*%d\r\n" % len(request)
        for text in request:
            self.data += b"$%d\r\n" % len(text)
            if len(text) < LARGE_BYTES:
                self.data += text
            else:
                self.append_piece(text)
            self.data += b"\r\n"

    def append_text(self, text: bytes) -> None:
        """Append bytes that are no request."""
        self.data += text

    def append_piece(self, piece: bytes) -> None:
        """Append bytes without a copy of them."""
        self.close_data()
        self.pieces.append(piece)
        self.before += len(piece)

    def close_data(self) -> None:
        """What is in `data` becomes a piece."""
        if self.data:
            self.pieces.append(self.data)
            self.before += len(self.data)
            self.data = bytearray()

    def cut(self, size: int) -> None:
        """Forget all but the first bytes."""
        while self.before > size:
            piece = self.pieces.pop()
            self.before -= len(piece)
            if isinstance(piece, bytearray):
                self.data = piece
        del self.data[size - self.before :]

    def take(self) -> list[bytes | bytearray]:
        """Give out what there is, in pieces; nothing is left."""
        self.close_data()
        taken, self.pieces, self.before = self.pieces, [], 0
        return taken
