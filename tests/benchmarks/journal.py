"""What a journal costs: requests a second with each `appendfsync`, and their ratio to those without a journal.

redis-benchmark sends changes: 50 clients, 64-byte values, 100,000 keys. Each server is measured with and without a
journal in the same round, and journals grow in a folder of the disk that temporary files are on. They are not
rewritten meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .load import KEYS, VALUE_BYTES, Sample, drive
from .report import geometric_mean, median, median_ratio, number, show, show_command
from .servers import Program, Server, running

_VALUE = b"x" * VALUE_BYTES
_POLICIES = ("no", "everysec", "always")


def main() -> None:
    """Measure all servers at all depths."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-P", "--depths", default="1,16", help="pipeline depths (default %(default)s)")
    made.add_argument("-t", "--tests", default="set,incr,hset,rpush", help="tests (default %(default)s)")
    made.add_argument("-n", "--requests", type=int, default=200_000, help="requests a test (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    made.add_argument("--policies", default=",".join(_POLICIES), help="of appendfsync (default %(default)s)")
    options = parse(made)
    show_command()
    for program in programs(options):
        _measure(program, options)


def _measure(program: Program, options: argparse.Namespace) -> None:
    """Measure one program, without a journal and with each policy."""
    policies = options.policies.split(",")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(program))]
        for policy in policies:
            journal = ("--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0")
            servers.append(stack.enter_context(running(program, *journal)))
        for server in servers:
            with Client(server.port) as client:
                client.fill(encode("SET", f"key:{i:012d}", _VALUE) for i in range(KEYS))
        for depth in map(int, options.depths.split(",")):
            rows = [_row(name, servers, depth, options) for name in options.tests.split(",")]
            ratios = [[float(row[-len(policies) + i]) for row in rows] for i in range(len(policies))]
            empty = [""] * len(servers)
            rows.append(["geometric mean", *empty, *(number(geometric_mean(column), 2) for column in ratios)])
            head = ["test", "no journal, 1/s", *(f"{policy}, 1/s" for policy in policies)]
            show(f"{program.label}, pipelines of {depth}", [*head, *(f"x {policy}" for policy in policies)], rows)


def _row(name: str, servers: Sequence[Server], depth: int, options: argparse.Namespace) -> list[str]:
    """One test on all of a program's servers."""

    def sample(server: Server) -> Sample:
        server.settle()
        return drive(server, "-t", name, requests=options.requests // (1 if depth > 1 else 5), depth=depth)

    plain, *others = [[one.per_s for one in results] for results in in_turn(servers, options.rounds, sample)]
    ratios = [number(median_ratio(other, plain), 2) for other in others]
    return [name.upper(), *(number(median(rates)) for rates in (plain, *others)), *ratios]


if __name__ == "__main__":
    main()
