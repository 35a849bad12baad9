"""Snapshots: what a bystander waits at most while the data are saved under writes, what that takes, and the load.

The keys have 20 bytes and values of 64 that do not compress. While BGSAVE runs, a writer sets random ones of them,
fifty a pipeline, up to a tenth of all; a bystander sends GET every millisecond. The second of its longest waits leaves
out what it and the server waited for a processor. The memory is what the processes take more than before, at most;
pages that a forked one has in common with its parent count once. Then the same with one list of as many elements, at
whose front a writer pushes.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .observers import bystander
from .report import number, show, show_command
from .servers import Program, Server, running
from .writing import Writer, noise_keys, set_some

_ELEMENTS_A_REQUEST = 100
_POLL_S = 0.01
_MIB = 1 << 20


class Outcome(NamedTuple):
    """What one save and one load were like."""

    longest_ms: float
    longest_own_ms: float
    p99_ms: float
    seconds: float
    writes: int
    file_bytes: int
    more_bytes: int
    memory_bytes: int
    load_s: float


def main() -> None:
    """Save and load many keys, and one long list, on every server in turn."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=1, help="rounds (default %(default)s)")
    made.add_argument("--tables", default="keys,list", help="tables to make (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    for name, title, fill, write in (
        ("keys", f"{options.keys:,} keys, of which some are set meanwhile", noise_keys, set_some),
        ("list", f"a list of {options.keys:,} elements, with pushes meanwhile", _list, _push),
    ):
        if name in options.tables.split(","):
            results = in_turn(measured, options.rounds, partial(_measured, fill=fill, write=write, options=options))
            show(title, _HEAD, [_row(one.label, done) for one, done in zip(measured, results, strict=True)])


def _list(count: int) -> Iterator[bytes]:
    for start in range(0, count, _ELEMENTS_A_REQUEST):
        yield encode("RPUSH", "list", *(b"element:%014d" % i for i in range(start, start + _ELEMENTS_A_REQUEST)))


def _push(client: Client, count: int, choose: random.Random) -> int:
    client.do("LPUSH", "list", "pushed")
    time.sleep(0.001)
    return 1


def _measured(
    program: Program,
    fill: Callable[[int], Iterator[bytes]],
    write: Callable[[Client, int, random.Random], int],
    options: argparse.Namespace,
) -> Outcome:
    """Fill a server, save twice, since a look at memory holds a server up, and load in another one."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        with running(program, "--dir", folder) as server, Client(server.port) as client:
            client.fill(fill(options.keys))
            server.settle()
            before = _own_bytes(server)
            act = partial(write, count=options.keys, choose=random.Random(2))
            with bystander(server.port, server.pid) as passer:
                started = time.time()
                writes = _save(client, Writer(server, act, options.keys // 10), lambda: None)
                seconds = time.time() - started
                seen_waits = passer.finish().since(started)
                waits = sorted(seen_waits.ms)
            server.settle()
            seen = [before]
            _save(client, Writer(server, act, options.keys // 10), lambda: seen.append(_own_bytes(server)))
        size = Path(folder, "dump.rdb").stat().st_size
        return Outcome(
            waits[-1],
            max(seen_waits.own_ms),
            waits[len(waits) * 99 // 100],
            seconds,
            writes,
            size,
            max(seen) - before,
            before,
            _load_s(program, folder),
        )


def _save(client: Client, writer: Writer, look: Callable[[], None]) -> int:
    """Save while somebody writes; return how often that was."""
    client.do("BGSAVE")
    writer.start()
    while _field(client, "rdb_bgsave_in_progress"):
        look()
        time.sleep(_POLL_S)
    return writer.stop()


def _field(client: Client, name: str) -> int:
    """A number of INFO persistence."""
    lines = client.do("INFO", "persistence").decode().splitlines()
    return int(dict(line.split(":", 1) for line in lines if ":" in line)[name])


def _own_bytes(server: Server) -> int:
    """The memory that a server and the processes that it has forked have to themselves, or in common but once."""
    total = 0
    for pid in (server.pid, *server.children()):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total


def _load_s(program: Program, folder: str) -> float:
    """How much longer a server takes to start with a folder's snapshot than without."""
    with running(program, "--dir", folder, "--save", "3600 1") as server, Client(server.port) as client:
        client.send(encode("SHUTDOWN", "NOSAVE"))
    with running(program) as idle:
        return server.start_s - idle.start_s


_HEAD = [
    "server",
    "GET max, ms",
    "own",
    "p99, ms",
    "save, s",
    "writes",
    "file, MiB",
    "memory more, MiB",
    "of",
    "load, s",
]


def _row(label: str, done: list[Outcome]) -> list[str]:
    """Medians of the rounds, but the worst of the maxima."""
    outcomes = [list(outcome) for outcome in done]
    longest, longest_own, p99, seconds, writes, size, more, memory, load = map(median, zip(*outcomes, strict=True))
    longest = max(outcome.longest_ms for outcome in done)
    longest_own = max(outcome.longest_own_ms for outcome in done)
    return [
        label,
        number(longest, 1),
        number(longest_own, 1),
        number(p99, 1),
        number(seconds, 2),
        f"{writes:,.0f}",
        number(size / _MIB, 0),
        number(more / _MIB, 1),
        f"{number(memory / _MIB, 0)} ({100 * more / memory:.1f} %)",
        number(load, 2),
    ]


if __name__ == "__main__":
    main()
