"""What is left when nobody asks for anything: CPU of an idle server, and memory and descriptors after much use."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Sequence

from .client import Client
from .harness import parse, parser, programs
from .load import drive
from .report import number, show, show_command
from .servers import Program, Server, all_running, running

_KEYS = 1_000
_DEPTH = 16
_KIB = 1024
_SPARE_DESCRIPTORS = 100


def main() -> None:
    """Measure idle CPU with and without clients, then use every server and compare before and after."""
    made = parser(__doc__, limit_s=900)
    made.add_argument("-s", "--seconds", type=float, default=20.0, help="how long to look (default %(default)s)")
    made.add_argument("-c", "--clients", type=int, default=1_000, help="idle clients (default %(default)s)")
    made.add_argument("--connects", type=int, default=10_000, help="connections made (default %(default)s)")
    made.add_argument("-n", "--requests", type=int, default=1_000_000, help="commands sent (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    with all_running(measured) as servers:
        alone = _idle_percents(servers, 0, options.seconds)
        crowded = _idle_percents(servers, options.clients, options.seconds)
    rows = [[program.label, number(a, 3), number(b, 3)] for program, a, b in zip(measured, alone, crowded, strict=True)]
    head = ["server", "no client", f"{options.clients:,} clients"]
    show(f"CPU of an idle server over {options.seconds:g} s, %", head, rows)
    head = ["server", "KiB before", "KiB after", "descriptors before", "descriptors after"]
    title = f"Before and after {options.connects:,} connects and {options.requests:,} commands"
    show(title, head, [_used(program, options.connects, options.requests) for program in measured])


def _idle_percents(servers: Sequence[Server], clients: int, seconds: float) -> list[float]:
    _allow_descriptors(clients * len(servers))
    with contextlib.ExitStack() as stack:
        for server in servers:
            for _ in range(clients):
                stack.enter_context(Client(server.port)).do("PING")
            server.settle()
        before = [server.cpu_ns() for server in servers]
        time.sleep(seconds)
        after = [server.cpu_ns() for server in servers]
    return [(b - a) / seconds / 1e7 for a, b in zip(before, after, strict=True)]


def _allow_descriptors(count: int) -> None:
    """Raise this process' own limit where the connections need it; the servers run already and keep theirs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + _SPARE_DESCRIPTORS)), hard))


def _used(program: Program, connects: int, requests: int) -> list[str]:
    with running(program) as server:
        # A tenth first: what the server takes once, as buffers and its keys, is no leak.
        _use(server, connects // 10, requests // 10)
        before = server.resident_bytes(), server.descriptors()
        _use(server, connects, requests)
        after = server.resident_bytes(), server.descriptors()
    sizes = [number(size / _KIB) for size in (before[0], after[0])]
    return [program.label, *sizes, number(before[1]), number(after[1])]


def _use(server: Server, connects: int, requests: int) -> None:
    for _ in range(connects):
        with Client(server.port) as client:
            client.do("PING")
    for test in ("set", "get"):
        drive(server, "-t", test, requests=requests // 2, depth=_DEPTH, keys=_KEYS)
    server.settle()


if __name__ == "__main__":
    main()
