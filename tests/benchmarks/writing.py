"""A writer of random keys that runs beside what is measured."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

from .client import Client, encode
from .servers import Server

_KEY = b"key:%016d"
_PIPELINE = 50


def noise_keys(count: int) -> Iterator[bytes]:
    """Yield requests that set so many keys of 20 bytes to values of 64 that do not compress."""
    noise = random.Random(1)
    return (encode("SET", _KEY % i, noise.randbytes(64)) for i in range(count))


def set_some(client: Client, count: int, choose: random.Random) -> int:
    """Set some of `count` such keys in one pipeline; return how many."""
    requests = (encode("SET", _KEY % choose.randrange(count), choose.randbytes(64)) for _ in range(_PIPELINE))
    client.exchange(b"".join(requests), _PIPELINE)
    return _PIPELINE


class Writer:
    """Writes, in a thread of its own, until it is stopped or has written often enough."""

    def __init__(self, server: Server, write: Callable[[Client], int], most: int) -> None:
        self._port = server.port
        self._write = write
        self._most = most
        self._count = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with Client(self._port) as client:
            while not self._is_over and self._count < self._most:
                self._count += self._write(client)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> int:
        """Return how often it has written, once it has ended."""
        self._is_over = True
        self._thread.join()
        return self._count
