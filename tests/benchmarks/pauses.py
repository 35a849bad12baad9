"""Pauses while the keyspace grows: keys are filled in without rest, and a bystander sends GET every millisecond.

`own` leaves the time out in which server or bystander were ready and had no processor.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from .client import Client, encode
from .harness import parse, parser, programs
from .observers import Series, bystander
from .report import number, show, show_command, spread
from .servers import Program, running

_VALUE = b"v" * 64
_DEPTH = 100
_PAUSES_MS = (5, 20)


def main() -> None:
    """Fill every server in turn and tell what the bystander saw."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--keys", type=int, default=10_000_000, help="keys (default %(default)s)")
    options = parse(made)
    show_command()
    pauses = [f"over {ms} ms" for ms in _PAUSES_MS]
    head = ["server", "keys/s", "GET p50, ms", "p99", "max", "own", *pauses, "bytes a key"]
    show(
        f"{options.keys:,} keys filled in, pipelines of {_DEPTH}, seen by a bystander",
        head,
        [_fill(program, options.keys) for program in programs(options)],
    )


def _fill(program: Program, count: int) -> list[str]:
    with running(program) as server, Client(server.port) as client, bystander(server.port, server.pid) as observer:
        before = server.resident_bytes()
        started = time.perf_counter()
        client.fill(_keys(count), _DEPTH)
        seconds = time.perf_counter() - started
        seen = observer.finish()
        return _row(program.label, count / seconds, seen, (server.resident_bytes() - before) / count)


def _keys(count: int) -> Iterator[bytes]:
    head = encode("SET", "session:000000000000", _VALUE)
    prefix, suffix = head.split(b"000000000000")
    return (b"%b%012d%b" % (prefix, i, suffix) for i in range(count))


def _row(label: str, rate: float, seen: Series, key_bytes: float) -> list[str]:
    pauses = [sum(1 for ms in seen.ms if ms > limit) for limit in _PAUSES_MS]
    return [
        label,
        number(rate),
        *(number(ms, 2) for ms in spread(seen.ms)),
        number(max(seen.own_ms), 2),
        *(number(count) for count in pauses),
        number(key_bytes),
    ]


if __name__ == "__main__":
    main()
