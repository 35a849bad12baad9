"""The expiry storm: many keys that are due at once, or one after the other, or a few beside many that are not.

A bystander sends GET every millisecond, a subscriber gets the `expired` events, and nobody reads the keys that are
due. The drain ends when DBSIZE has nothing left to lose. Every server runs alone and fresh. The lag is that of the
events that arrived in time: where some are missing, it flatters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .observers import Series, bystander, due_key, event_reader
from .plot import Line, Panel, svg
from .report import MISSING, number, show, show_command, spread
from .servers import Program, Server, running

_VALUE = b"v" * 32
_HOUR_MS = 3_600_000
_SLOWEST_LOAD_PER_S = 40_000
_LEAD_S = 3.0
_BEFORE_S = 0.05
_AFTER_S = 1.0
_POLL_S = 0.005
_NEEDS = ("SUBSCRIBE", "DBSIZE")


class Case(NamedTuple):
    """A storm: how many keys are due, over how long, beside how many that have an hour to live."""

    name: str
    title: str
    due: int
    spread_ms: int
    others: int


class Outcome(NamedTuple):
    """What one storm looked like; `drained_s` is infinite when it did not end in time."""

    drained_s: float
    cpu_s: float
    lag: Series
    latency: Series


def main() -> None:
    """Run all storms on all servers."""
    made = parser(__doc__, limit_s=3600)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys of the storm (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    made.add_argument("--wait", type=float, default=60.0, metavar="S", help="longest drain (default %(default)s)")
    made.add_argument("--cases", default="instant,spread,beside", help="storms (default %(default)s)")
    made.add_argument("--plots", type=Path, metavar="FOLDER", help="write plots of the last round there")
    options = parse(made)
    show_command()
    measured = programs(options)
    for case in cases(options.keys):
        if case.name not in options.cases.split(","):
            continue
        results = in_turn(measured, options.rounds, partial(storm, case=case, wait_s=options.wait))
        rows = [_row(program.label, case, done, options.wait) for program, done in zip(measured, results, strict=True)]
        show(case.title, _HEAD, rows)
        if options.plots:
            last = {program.label: done[-1] for program, done in zip(measured, results, strict=True)}
            plot(options.plots / f"storm-{case.name}.svg", case.title, last)


def cases(keys: int) -> list[Case]:
    """Return the storms of so many keys."""
    part, few = keys // 5, min(keys, 1_000)
    return [
        Case("instant", f"{keys:,} keys due in one millisecond", keys, 1, 0),
        Case("spread", f"{part:,} keys due over 5 s", part, 5_000, 0),
        Case("beside", f"{few:,} keys due at once beside {keys:,} with an hour to live", few, 1, keys),
    ]


def storm(program: Program, case: Case, wait_s: float) -> Outcome | None:
    """Run one storm, None on a server that does not know the commands it takes."""
    with running(program, "--notify-keyspace-events", "Ex") as server, Client(server.port) as client:
        if client.lacks(*_NEEDS):
            return None
        client.fill(_others(case.others))
        deadline_ms = int((time.time() + _LEAD_S + case.due / _SLOWEST_LOAD_PER_S) * 1e3)
        client.fill(_due(case, deadline_ms))
        with bystander(server.port) as passer, event_reader(server.port) as reader:
            if time.time() * 1e3 > deadline_ms:
                raise RuntimeError(f"{program.label} was not filled before the keys were due")
            drained_s, cpu_s = _drain(server, client, case, deadline_ms, wait_s)
            time.sleep(_AFTER_S)
            return Outcome(drained_s, cpu_s, reader.finish(), passer.finish().since(deadline_ms / 1e3 - _BEFORE_S))


def _others(count: int) -> Iterator[bytes]:
    return (encode("SET", b"other:%014d" % i, _VALUE, "PX", _HOUR_MS + i % _HOUR_MS) for i in range(count))


def _due(case: Case, deadline_ms: int) -> Iterator[bytes]:
    deadlines = (deadline_ms + i * case.spread_ms // case.due for i in range(case.due))
    return (encode("SET", due_key(due_ms, i), _VALUE, "PXAT", due_ms) for i, due_ms in enumerate(deadlines))


def _drain(server: Server, client: Client, case: Case, deadline_ms: int, wait_s: float) -> tuple[float, float]:
    """Wait for the storm to pass; return the seconds that it took beyond the last deadline, and its CPU seconds."""
    left = client.do("DBSIZE") - case.due
    time.sleep(max(0.0, deadline_ms / 1e3 - _BEFORE_S - time.time()))
    cpu_before = server.cpu_ns()
    last_s = (deadline_ms + (case.due - 1) * case.spread_ms // case.due) / 1e3
    while client.do("DBSIZE") > left and time.time() < last_s + wait_s:
        time.sleep(_POLL_S)
    drained_s = time.time() - last_s
    return (drained_s if drained_s < wait_s else math.inf), (server.cpu_ns() - cpu_before) / 1e9


_HEAD = [
    "server",
    "drained after, s",
    "events",
    *(f"{what} {which}, ms" for what in ("event lag", "GET") for which in ("p50", "p99", "max")),
    "CPU, s",
]


def _row(label: str, case: Case, rounds: list[Outcome | None], wait_s: float) -> list[str]:
    """Return medians of the rounds, but the worst of the counts and of the maxima."""
    outcomes = [outcome for outcome in rounds if outcome]
    if not outcomes:
        return [label, *[MISSING] * (len(_HEAD) - 1)]
    drained_s = median(outcome.drained_s for outcome in outcomes)
    return [
        label,
        f"not in {wait_s:g}" if math.isinf(drained_s) else number(drained_s, 3),
        f"{min(len(outcome.lag.ms) for outcome in outcomes):,} of {case.due:,}",
        *_summary([outcome.lag for outcome in outcomes]),
        *_summary([outcome.latency for outcome in outcomes]),
        number(median(outcome.cpu_s for outcome in outcomes), 2),
    ]


def _summary(seen: list[Series]) -> list[str]:
    middles, tails, maxima = zip(*(spread(series.ms) for series in seen), strict=True)
    return [number(median(middles), 1), number(median(tails), 1), number(max(maxima), 1)]


def plot(path: Path, title: str, outcomes: dict[str, Outcome | None]) -> None:
    """Draw the latency of a bystander and the lag of events, one line a server."""
    seen = {label: outcome for label, outcome in outcomes.items() if outcome}
    if not seen:
        return
    panels = [
        Panel("GET of a bystander, ms", [_line(label, done.latency, done) for label, done in seen.items()]),
        Panel("lag of expired events, ms", [_line(label, done.lag, done) for label, done in seen.items()]),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg(panels, "seconds since the first deadline"), encoding="utf-8")
    print(f"![{title}]({path.parent.name}/{path.name})\n", flush=True)


def _line(label: str, series: Series, outcome: Outcome) -> Line:
    start_s = outcome.latency.at_s[0] + _BEFORE_S
    return Line(label, [at_s - start_s for at_s in series.at_s], series.ms)


if __name__ == "__main__":
    main()
