"""Resident bytes a key: what the process takes after filling, less what it took before, over the number of keys."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import NamedTuple

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .report import number, show, show_command
from .servers import Program, running

_VALUE = b"v" * 64
_HOUR_MS = 3_600_000
# Late enough that nothing expires while it is measured.
_LEAD_MS = 24 * _HOUR_MS
_FIELDS = [word for i in range(5) for word in (f"field{i}", f"value{i:05d}")]


def _plain(count: int) -> Iterator[bytes]:
    return (encode("SET", f"session:{i:012d}", _VALUE) for i in range(count))


def _due(count: int, spread_ms: int) -> Iterator[bytes]:
    first_ms = int(time.time() * 1000) + _LEAD_MS
    # The multiplier scatters the deadlines, as those of sessions that are renewed in no order.
    deadlines = (first_ms + i * 7_919_777 % spread_ms for i in range(count))
    return (encode("SET", f"session:{i:012d}", _VALUE, "PXAT", due) for i, due in enumerate(deadlines))


def _counters(count: int) -> Iterator[bytes]:
    return (encode("INCR", f"session:{i:012d}") for i in range(count))


def _hashes(count: int) -> Iterator[bytes]:
    return (encode("HSET", f"session:{i:012d}", *_FIELDS) for i in range(count))


class _Case(NamedTuple):
    command: str
    requests: Callable[[int], Iterator[bytes]]


_CASES = {
    "64-byte string": _Case("SET", _plain),
    "the same, deadlines over an hour": _Case("SET", partial(_due, spread_ms=_HOUR_MS)),
    "the same, one deadline": _Case("SET", partial(_due, spread_ms=1)),
    "counter": _Case("INCR", _counters),
    "hash of 5 fields": _Case("HSET", _hashes),
}


def main() -> None:
    """Measure every kind of key, each in a fresh server."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys of 20 bytes (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=1, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    rows = []
    for name, case in _CASES.items():
        results = in_turn(measured, options.rounds, partial(_bytes_a_key, case=case, count=options.keys))
        base, *others = (median(values) for values in results)
        rows.append([name, number(base), *(cell for x in others for cell in (number(x), number(x / base, 2)))])
    head = ["key", measured[0].label, *(cell for program in measured[1:] for cell in (program.label, "ratio"))]
    show(f"Bytes a key, {options.keys:,} keys", head, rows)


def _bytes_a_key(program: Program, case: _Case, count: int) -> float:
    with running(program) as server, Client(server.port) as client:
        if client.lacks(case.command):
            return math.nan
        server.settle()
        before = server.resident_bytes()
        client.fill(case.requests(count))
        server.settle()
        return (server.resident_bytes() - before) / count


if __name__ == "__main__":
    main()
