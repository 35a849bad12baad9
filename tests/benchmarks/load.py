"""Load by redis-benchmark, and what it costs the server."""

from __future__ import annotations

import csv
import subprocess
from typing import NamedTuple

from .servers import Server

CLIENTS = 50
VALUE_BYTES = 64
KEYS = 100_000
_LIMIT_S = 600


class Sample(NamedTuple):
    """One run: requests a second, and microseconds of the server's CPU a request."""

    per_s: float
    cpu_us: float


def drive(server: Server, *test: str, requests: int, depth: int, keys: int = KEYS) -> Sample:
    """Send a test of redis-benchmark (``"-t", name``, after ``"--cluster"`` for shards) or a command.

    Args:
        depth: requests a pipeline.
        keys: how many different ones there are.

    Raises RuntimeError when redis-benchmark gives no figure, which it does at the first error reply.
    """
    words = ["redis-benchmark", "-p", server.port, "-n", requests, "-c", CLIENTS, "-P", depth]
    words += ["-r", keys, "-d", VALUE_BYTES, "--csv", *test]
    before = server.cpu_ns()
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    spent = server.cpu_ns() - before
    rows = list(csv.reader(done.stdout.splitlines()))
    if done.returncode or len(rows) < 2 or rows[-2][:1] != ["test"]:
        raise RuntimeError(f"{server.label}, {' '.join(test)}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return Sample(float(rows[-1][1]), spent / requests / 1e3)
