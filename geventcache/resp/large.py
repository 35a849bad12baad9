"""An element of a request that is large: it is received straight into its final object.

The compiled build has this from ``large.pyx``; this is its twin, which serves uncompiled.
"""

from __future__ import annotations


class LargeElement:
    """A large element that is being received.

    Attributes:
        length: how many bytes were announced.
        filled: how many of them have come; room is made for these, not for what was announced.
        passed: how many bytes of the end of its line have come.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.filled = self.passed = 0
        self.data = bytearray()

    def put(self, p: bytes, start: int, count: int) -> None:
        """Add `count` bytes of `p`."""
        self.data += memoryview(p)[start : start + count]
        self.filled += count

    def room(self) -> int:
        """Bytes that may be received straight to `target`: none, here."""
        return 0

    def take(self) -> bytes:
        """The element, which is complete."""
        return bytes(self.data)
