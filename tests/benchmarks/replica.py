"""What a replica costs its primary: CPU a request with one attached, and its ratio to that without.

redis-benchmark sends changes: 50 clients, 64-byte values, 100,000 keys. Each server is measured with and without a
replica in the same round. The replica is the same program for all and shares the machine: only the primary's CPU tells.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tests.support.servers import reference_binary

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .load import KEYS, VALUE_BYTES, Sample, drive
from .report import geometric_mean, median, median_ratio, number, show, show_command
from .servers import Program, Server, follow, reference_program, running

_VALUE = b"x" * VALUE_BYTES


def main() -> None:
    """Measure all servers."""
    made = parser(__doc__, limit_s=900)
    made.add_argument("-P", "--depth", type=int, default=16, help="pipeline depth (default %(default)s)")
    made.add_argument("-t", "--tests", default="set,incr,hset,rpush", help="tests (default %(default)s)")
    made.add_argument("-n", "--requests", type=int, default=200_000, help="requests a test (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    follower = reference_program(str(reference_binary()))
    for program in programs(options):
        _measure(program, follower, options)


def _measure(program: Program, follower: Program, options: argparse.Namespace) -> None:
    """Measure one program, alone and followed."""
    with running(program) as alone, running(program) as followed, running(follower) as replica:
        for server in (alone, followed):
            with Client(server.port) as client:
                client.fill(encode("SET", f"key:{i:012d}", _VALUE) for i in range(KEYS))
        follow(replica, followed)
        rows = [_row(name, (alone, followed), options) for name in options.tests.split(",")]
    mean = geometric_mean(float(row[-1]) for row in rows)
    rows.append(["geometric mean", "", "", number(mean, 2)])
    head = ["test", "alone, CPU us", "with a replica", "ratio"]
    show(f"{program.label}, followed by {follower.label}, pipelines of {options.depth}", head, rows)


def _row(name: str, servers: Sequence[Server], options: argparse.Namespace) -> list[str]:
    """One test, alone and followed."""

    def sample(server: Server) -> Sample:
        server.settle()
        return drive(server, "-t", name, requests=options.requests, depth=options.depth)

    alone, followed = [[one.cpu_us for one in results] for results in in_turn(servers, options.rounds, sample)]
    return [
        name.upper(),
        number(median(alone), 2),
        number(median(followed), 2),
        number(median_ratio(followed, alone), 2),
    ]


if __name__ == "__main__":
    main()
