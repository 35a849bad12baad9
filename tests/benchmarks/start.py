"""From the start of the process to the first PONG."""

from __future__ import annotations

from statistics import median

from .harness import in_turn, parse, parser, programs
from .report import number, show, show_command
from .servers import Program, running


def main() -> None:
    """Start every server many times, in turn."""
    made = parser(__doc__, limit_s=600)
    made.add_argument("-r", "--rounds", type=int, default=20, help="starts of each (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    rows = [
        [program.label, *(number(seconds * 1e3) for seconds in (median(times), min(times), max(times)))]
        for program, times in zip(measured, in_turn(measured, options.rounds, _start_s), strict=True)
    ]
    show(f"First PONG, {options.rounds} starts", ["server", "median, ms", "min", "max"], rows)


def _start_s(program: Program) -> float:
    with running(program) as server:
        return server.start_s


if __name__ == "__main__":
    main()
