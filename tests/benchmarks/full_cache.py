"""What a write costs a full cache: server CPU of SET of new keys while each of them drives others out.

Every server has as many keys when its `maxmemory` becomes what they take: all of them have as much to choose from.
"""

from __future__ import annotations

from collections.abc import Sequence

from .client import Client
from .harness import in_turn, parse, parser, programs
from .load import VALUE_BYTES, drive
from .report import median, median_ratio, number, show, show_command
from .servers import Server, all_running

_DEPTH = 16
_POLICIES = ("allkeys-lru", "allkeys-lfu", "allkeys-random")
_SET = ("SET", "key:__rand_int__", "x" * VALUE_BYTES)
_DIFFERENT = 100_000_000


def main() -> None:
    """Measure every policy, and SET without a limit before."""
    made = parser(__doc__, limit_s=900)
    made.add_argument("-n", "--requests", type=int, default=300_000, help="requests a test (default %(default)s)")
    made.add_argument("-k", "--keys", type=int, default=350_000, help="keys that fit (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=5, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    rows = []
    for policy in _POLICIES:
        with all_running(programs(options), "--maxmemory-policy", policy) as servers:
            for server in servers:
                _fill(server, options.keys)
            rows.append([policy, *_costs(servers, options.requests, options.rounds)])
    head = ["policy", f"{servers[0].label}, us"]
    for server in servers[1:]:
        head += [f"{server.label}, us", "ratio"]
    show(f"Server CPU a SET of a new key, {options.keys:,} keys at maxmemory, pipelines of {_DEPTH}", head, rows)


def _fill(server: Server, keys: int) -> None:
    """Store so many keys, and let no more memory be taken than they do."""
    drive(server, *_SET, requests=keys, depth=_DEPTH, keys=_DIFFERENT)
    with Client(server.port) as client:
        info = dict(line.split(":", 1) for line in client.do("INFO", "memory").decode().splitlines() if ":" in line)
        client.do("CONFIG", "SET", "maxmemory", info["used_memory"])


def _costs(servers: Sequence[Server], requests: int, rounds: int) -> list[str]:
    """The medians of all servers, each but the first one's with its ratio to that."""

    def measure(server: Server) -> float:
        return drive(server, *_SET, requests=requests, depth=_DEPTH, keys=_DIFFERENT).cpu_us

    first, *others = in_turn(servers, rounds, measure)
    row = [number(median(first), 2)]
    for costs in others:
        row += [number(median(costs), 2), number(median_ratio(costs, first), 2)]
    return row


if __name__ == "__main__":
    main()
