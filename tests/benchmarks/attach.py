"""A replica attaches to a primary of many keys while these are written: what a bystander waits at most meanwhile.

A writer sets random keys of 20 bytes to values of 64, fifty a pipeline, up to a tenth of all; a bystander sends GET to
the primary every millisecond. The second of its longest waits leaves out what it and the primary waited for a
processor. The replica is the same program for all, and has all when its link is up.
"""

from __future__ import annotations

import argparse
import random
import time
from functools import partial
from typing import NamedTuple

from tests.support.servers import reference_binary

from .client import Client
from .harness import in_turn, parse, parser, programs
from .observers import bystander
from .report import number, show, show_command
from .servers import Program, follow, reference_program, running
from .writing import Writer, noise_keys, set_some


class Outcome(NamedTuple):
    """The waits of the bystander, the longest but for processors, the seconds until the replica had all, and writes."""

    waits_ms: list[float]
    longest_own_ms: float
    seconds: float
    writes: int


def main() -> None:
    """Measure all servers."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=1, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    follower = reference_program(str(reference_binary()))
    measured = programs(options)
    results = in_turn(measured, options.rounds, partial(_measured, follower=follower, options=options))
    rows = [_row(one.label, done) for one, done in zip(measured, results, strict=True)]
    head = ["primary", "GET max, ms", "own", "p99, ms", "over 5 ms", "attached after, s", "writes"]
    show(f"{follower.label} attaches to a primary of {options.keys:,} keys", head, rows)


def _measured(program: Program, follower: Program, options: argparse.Namespace) -> Outcome:
    """Fill a primary, and let a replica attach."""
    with running(program) as primary, running(follower) as replica:
        with Client(primary.port) as client:
            client.fill(noise_keys(options.keys))
        primary.settle()
        writer = Writer(primary, partial(set_some, count=options.keys, choose=random.Random(2)), options.keys // 10)
        with bystander(primary.port, primary.pid) as passer:
            started = time.time()
            writer.start()
            follow(replica, primary)
            seconds = time.time() - started
            writes = writer.stop()
            seen = passer.finish().since(started)
            return Outcome(sorted(seen.ms), max(seen.own_ms), seconds, writes)


def _row(label: str, done: list[Outcome]) -> list[str]:
    """The round with the worst wait."""
    waits, longest_own_ms, seconds, writes = max(done, key=lambda one: one[0][-1])
    return [
        label,
        number(waits[-1], 1),
        number(longest_own_ms, 1),
        number(waits[len(waits) * 99 // 100], 1),
        str(sum(wait > 5 for wait in waits)),
        number(seconds, 2),
        f"{writes:,}",
    ]


if __name__ == "__main__":
    main()
