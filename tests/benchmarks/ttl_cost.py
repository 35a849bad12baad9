"""What a deadline costs: server CPU of SET with PX beside SET, and of renewing, and what renewals leave behind."""

from __future__ import annotations

from collections.abc import Sequence

from .harness import in_turn, parse, parser, programs
from .load import KEYS, VALUE_BYTES, drive
from .report import MISSING, median, median_ratio, number, show, show_command
from .servers import Server, all_running

_DEPTH = 16
_HOUR_MS = "3600000"
_SET = ("SET", "key:__rand_int__", "x" * VALUE_BYTES)
_SET_PX = (*_SET, "PX", _HOUR_MS)
_RENEW = ("PEXPIRE", "key:__rand_int__", _HOUR_MS)
_RENEWED_KEYS = 1_000
_KIB = 1024


def main() -> None:
    """Measure the cost of deadlines, then the memory that renewals leave behind."""
    made = parser(__doc__, limit_s=900)
    made.add_argument("-n", "--requests", type=int, default=1_000_000, help="requests a test (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=5, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    with all_running(programs(options)) as servers:
        _show_cost(servers, options.requests, options.rounds)
    with all_running(programs(options)) as servers:
        head = ["server", "KiB before", "KiB after", "difference"]
        title = f"Memory before and after {options.requests:,} renewals of {_RENEWED_KEYS:,} keys"
        show(title, head, [_renewed(server, options.requests) for server in servers])


def _show_cost(servers: Sequence[Server], requests: int, rounds: int) -> None:
    commands = (_SET, _SET_PX, _RENEW)

    def measure(server: Server) -> list[float]:
        known = [command for command in commands if not server.lacks(command[0])]
        return [drive(server, *command, requests=requests, depth=_DEPTH).cpu_us for command in known]

    rows = []
    for server, samples in zip(servers, in_turn(servers, rounds, measure), strict=True):
        plain, due, *rest = zip(*samples, strict=True)
        renewed = rest[0] if rest else ()
        ratios = [number(median_ratio(costs, plain), 2) for costs in (due, renewed)]
        rows.append([server.label, *(number(median(costs), 2) for costs in (plain, due, renewed)), *ratios])
    head = ["server", "SET, us", "SET PX", "PEXPIRE", "SET PX / SET", "PEXPIRE / SET"]
    show(f"Server CPU a request, {KEYS:,} keys, pipelines of {_DEPTH}", head, rows)


def _renewed(server: Server, count: int) -> list[str]:
    if server.lacks("PEXPIRE"):
        return [server.label, MISSING, MISSING, MISSING]
    drive(server, *_SET_PX, requests=_RENEWED_KEYS * 20, depth=_DEPTH, keys=_RENEWED_KEYS)
    drive(server, *_RENEW, requests=_RENEWED_KEYS * 20, depth=_DEPTH, keys=_RENEWED_KEYS)
    server.settle()
    before = server.resident_bytes()
    drive(server, *_RENEW, requests=count, depth=_DEPTH, keys=_RENEWED_KEYS)
    server.settle()
    after = server.resident_bytes()
    return [server.label, *(number(size / _KIB) for size in (before, after, after - before))]


if __name__ == "__main__":
    main()
