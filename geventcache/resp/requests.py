"""Requests as bytes, as they are sent: arrays of bulk strings.

The compiled build has this from ``requests.pyx``; this is its twin, which serves uncompiled.
"""

from __future__ import annotations

from collections.abc import Sequence


def size_of(request: Sequence[bytes]) -> int:
    """How many bytes a request takes."""
    return len(b"*%d\r\n" % len(request)) + sum(len(b"$%d\r\n\r\n" % len(text)) + len(text) for text in request)


def append_request(data: bytearray, request: Sequence[bytes]) -> None:
    """Append a request to bytes."""
    data += b"*%d\r\n" % len(request)
    for text in request:
        data += b"$%d\r\n%b\r\n" % (len(text), text)


class RequestBuffer:
    """Requests one after the other.

    Where memory is short, MemoryError is raised; `cut` makes the buffer fit again.

    Attributes:
        size: how many bytes there are.
    """

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        """See above."""
        return len(self.data)

    def append(self, request: Sequence[bytes]) -> None:
        """Append a request."""
        append_request(self.data, request)

    def append_text(self, text: bytes) -> None:
        """Append bytes that are no request."""
        self.data += text

    def cut(self, size: int) -> None:
        """Forget all but the first bytes."""
        del self.data[size:]

    def take(self) -> bytearray:
        """Give out what there is; nothing is left."""
        taken, self.data = self.data, bytearray()
        return taken
