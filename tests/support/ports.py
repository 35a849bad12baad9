"""Ports for the servers of the tests, each handed out once by a run until all are used.

A port that the system chooses, and that the test closes for a server to take, may by then belong to a connection of
somebody else: the system gives connections ports from the same range, and they keep them for a minute after their
end. These ports lie below that range, also those of the cluster's buses, and two runs beside each other share none.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import socket
from collections.abc import Iterator

BUS_DISTANCE = 10_000  # how much higher the port of a cluster's bus is
FIRST = 10_000
LAST = FIRST + BUS_DISTANCE  # behind it stand the buses, up to 30,000; Linux has connections from 32,768 on
BLOCK = 500


def free_port(count: int = 1) -> int:
    """Return the first of so many successive ports that are free, as those of their buses are."""
    _, ports = _block()
    for _ in range(BLOCK):
        taken = list(itertools.islice(ports, count))
        are_successive = taken[-1] - taken[0] == count - 1
        if are_successive and all(_is_free(port) and _is_free(port + BUS_DISTANCE) for port in taken):
            return taken[0]
    raise RuntimeError(f"no free ports behind {taken[0]}")


@functools.cache
def _block() -> tuple[socket.socket, Iterator[int]]:
    """The ports of one run; who listens on the first port of a block has the block."""
    starts = list(range(FIRST, LAST, BLOCK))
    random.SystemRandom().shuffle(starts)
    for start in starts:
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", start))
            guard.listen()
        except OSError:
            guard.close()
            continue
        return guard, itertools.cycle(range(start + 1, start + BLOCK))
    raise RuntimeError(f"all ports from {FIRST} to {LAST} are used")


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, for what ended a moment ago
        probe.bind(("127.0.0.1", port))
        return True
    return False
