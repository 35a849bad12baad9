"""The first screen of the README: one storm beside all references, as a picture and as a table between two comments.

Without --reference, Redis (if it is installed) and Valkey are measured beside geventcache. Run it in the folder of the
README, on a machine that does nothing else.
"""

from __future__ import annotations

import platform
import re
import shutil
from pathlib import Path

from tests.support.servers import reference_binary

from .harness import parse, parser, programs
from .report import MISSING, number, spread, table
from .servers import Program
from .storm import Case, Outcome, cases, plot, storm

BEGIN, END = "<!-- storm: written by python -m tests.benchmarks.readme -->", "<!-- end of storm -->"
_HEAD = ["", "keys gone after, s", "events that came", "their lag, p99, ms", "another client's GET, max, ms"]
_WAIT_S = 60.0


def main() -> None:
    """Measure, draw, and write the table."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys of the storm (default %(default)s)")
    made.add_argument("--page", type=Path, default=Path("README.md"), help="the page (default %(default)s)")
    made.add_argument("--plots", type=Path, default=Path("docs/images"), help="folder of the picture")
    options = parse(made)
    found = [shutil.which("redis-server"), reference_binary()]
    options.reference = options.reference or [str(path) for path in found if path]
    case = next(case for case in cases(options.keys) if case.name == "instant")
    outcomes = {program.label: measured(program, case) for program in programs(options)}
    picture = options.plots / "storm-readme.svg"
    plot(picture, case.title, outcomes)
    options.page.write_text(replaced(options.page.read_text(), section(case, outcomes, picture)))


def measured(program: Program, case: Case) -> Outcome | None:
    """Run the storm on a fresh server."""
    return storm(program, case, _WAIT_S)


def section(case: Case, outcomes: dict[str, Outcome | None], picture: Path) -> str:
    """Return what stands between the comments."""
    rows = [row(label, outcome, case) for label, outcome in outcomes.items()]
    machine = f"{case.title}; one run, Python {platform.python_version()}, {platform.machine()}"
    return f"![{case.title}: latency and lag]({picture.as_posix()})\n\n{machine}:\n\n{table(_HEAD, rows)}"


def row(label: str, outcome: Outcome | None, case: Case) -> list[str]:
    """Return a server's row."""
    if outcome is None:
        return [label, *[MISSING] * (len(_HEAD) - 1)]
    events = f"{len(outcome.lag.ms):,} of {case.due:,}"
    return [
        label,
        number(outcome.drained_s, 2) if outcome.drained_s < _WAIT_S else f"not in {_WAIT_S:g}",
        events,
        number(spread(outcome.lag.ms)[1], 0),
        number(spread(outcome.latency.ms)[2], 1),
    ]


def replaced(page: str, text: str) -> str:
    """Return the page with another text between the two comments; raises SystemExit where they are missing."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"the page has no {BEGIN} ... {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page)


if __name__ == "__main__":
    main()
