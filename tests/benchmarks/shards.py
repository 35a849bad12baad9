"""What shards cost and bring: requests a second and server CPU a request, with one worker and with several.

The CPU is that of all processes of the server. The load generator needs cores as well: with as many workers as cores,
requests a second tell little, and the CPU a request tells what a core would do.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from .harness import in_turn, parse, parser
from .load import KEYS, Sample, drive
from .report import median, number, show, show_command
from .servers import Server, geventcache_program, running

_TESTS = ("set", "get", "incr")


def main() -> None:
    """Measure each test with each number of workers."""
    made = parser(__doc__, limit_s=900)
    made.add_argument("-w", "--workers", default="1,2", help="numbers of workers (default %(default)s)")
    made.add_argument("-P", "--depths", default="1,16", help="pipeline depths (default %(default)s)")
    made.add_argument("-n", "--requests", type=int, default=200_000, help="requests a test (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    counts = [int(count) for count in options.workers.split(",")]
    program = geventcache_program()
    with ExitStack() as stack:
        servers = [stack.enter_context(running(program, "--workers", str(count), ports=count)) for count in counts]
        for depth in map(int, options.depths.split(",")):
            _show(counts, servers, depth, options.requests, options.rounds)


def _show(counts: Sequence[int], servers: Sequence[Server], depth: int, requests: int, rounds: int) -> None:
    def sample(numbered: tuple[int, Server]) -> list[Sample]:
        count, server = numbered
        mode = ["--cluster"] if count > 1 else []
        return [drive(server, *mode, "-t", test, requests=requests, depth=depth) for test in _TESTS]

    results = in_turn(list(zip(counts, servers, strict=True)), rounds, sample)
    rows = []
    for n, test in enumerate(_TESTS):
        samples = [[taken[n] for taken in by_round] for by_round in results]
        rates = [number(median([one.per_s for one in taken])) for taken in samples]
        costs = [number(median([one.cpu_us for one in taken]), 2) for taken in samples]
        rows.append([test.upper(), *rates, *costs])
    names = [f"{count} worker{'s' if count > 1 else ''}" for count in counts]
    head = ["test", *(f"{name}, 1/s" for name in names), *(f"{name}, CPU us" for name in names)]
    show(f"{KEYS:,} keys, pipelines of {depth}", head, rows)


if __name__ == "__main__":
    main()
