"""The backlog: the last bytes of a stream of replication, from which replicas that come back go on.

All replicas read from it, each at its own position, so that a byte is kept once however many they are. Positions count
the bytes of the whole stream; one is the number of bytes before it.
"""

from __future__ import annotations

from bisect import bisect_right

BLOCK_BYTES = 16 << 10


class Backlog:
    """The bytes of a stream from `start` to `end`.

    Attributes:
        start, end: the positions of the first byte that is kept, and of the next one that will come.
    """

    def __init__(self, position: int) -> None:
        self.start = self.end = position
        self.blocks: list[bytes | bytearray] = []
        self.starts: list[int] = []

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, data: bytes | bytearray) -> None:
        """The stream goes on, by bytes that nobody will change. Many are a block of their own, and are not copied."""
        if not self.blocks or len(self.blocks[-1]) + len(data) > BLOCK_BYTES:
            self.blocks.append(data if len(data) > BLOCK_BYTES else bytearray(data))
            self.starts.append(self.end)
        else:
            self.blocks[-1] += data
        self.end += len(data)

    def piece(self, position: int, most: int) -> bytes:
        """Up to `most` bytes from a position on that is kept; none at the end."""
        if position >= self.end:
            return b""
        index = bisect_right(self.starts, position) - 1
        at = position - self.starts[index]
        return bytes(memoryview(self.blocks[index])[at : at + most])

    def trim(self, size: int, needed: int) -> None:
        """Forget what is older than the last `size` bytes and stands before `needed`, a position; in whole blocks."""
        keep = min(self.end - size, needed)
        count = 0
        while count + 1 < len(self.blocks) and self.starts[count + 1] <= keep:
            count += 1
        if count:
            del self.blocks[:count], self.starts[:count]
            self.start = self.starts[0]
