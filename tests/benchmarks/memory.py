"""Resident bytes a key, and an element: what the process takes after filling, less before, over their number.

Every row has fresh servers. Elements have names of 10 to 15 bytes; values of fields have as many.
"""

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


def _elements(command: str, size: int, count: int) -> Iterator[bytes]:
    """Containers of `size` elements, `count` elements in all; a large one is filled by a thousand at a time."""
    for first in range(0, count, min(size, 1000)):
        words = []
        for i in range(first, min(first + min(size, 1000), count)):
            name = f"member:{i:07d}"
            words += {"HSET": [name, f"value:{i:07d}"], "ZADD": [str(i % 1000), name]}.get(command, [name])
        yield encode(command, f"key:{first // size:08d}", *words)


def _timed_fields(size: int, count: int) -> Iterator[bytes]:
    """Hashes of `size` fields with deadlines over an hour, `count` fields in all."""
    first_ms = int(time.time() * 1000) + _LEAD_MS
    for i in range(count):
        due = first_ms + i * 7_919_777 % _HOUR_MS
        field = ("FIELDS", 1, f"member:{i:07d}", f"value:{i:07d}")
        yield encode("HSETEX", f"key:{i // size:08d}", "PXAT", due, *field)


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
_KINDS = {
    "RPUSH": "element of a list",
    "SADD": "member of a set",
    "ZADD": "member of a sorted set",
    "HSET": "field of a hash",
}
_SIZES = (100, 500_000)


def main() -> None:
    """Measure every kind of key, each in a fresh server."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys of 20 bytes (default %(default)s)")
    made.add_argument("-e", "--elements", type=int, default=1_000_000, help="elements (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=1, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    _show(f"Bytes a key, {options.keys:,} keys", measured, options.rounds, _CASES, options.keys)
    cases = {
        f"{name} of {size:,}": _Case(command, partial(_elements, command, size))
        for size in _SIZES
        for command, name in _KINDS.items()
    }
    cases |= {
        f"field of a hash of {size:,}, deadlines over an hour": _Case("HSETEX", partial(_timed_fields, size))
        for size in _SIZES
    }
    _show(f"Bytes an element, {options.elements:,} elements", measured, options.rounds, cases, options.elements)


def _show(title: str, measured: list[Program], rounds: int, cases: dict[str, _Case], count: int) -> None:
    rows = []
    for name, case in cases.items():
        results = in_turn(measured, rounds, partial(_bytes_a_key, case=case, count=count))
        base, *others = (median(values) for values in results)
        rows.append([name, number(base), *(cell for x in others for cell in (number(x), number(x / base, 2)))])
    head = ["", measured[0].label, *(cell for program in measured[1:] for cell in (program.label, "ratio"))]
    show(title, head, rows)


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
