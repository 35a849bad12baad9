"""Figures to text: quantiles, ratios and Markdown tables under the command that made them."""

from __future__ import annotations

import math
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

MISSING = "-"


def quantile(values: Sequence[float], fraction: float) -> float:
    """Return the smallest value that at least `fraction` of the values do not exceed, not-a-number when none are."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * fraction) - 1)]


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum."""
    return quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1.0)


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median of the ratios round by round, not-a-number when there are none."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=False) if b]
    return statistics.median(ratios) if ratios else math.nan


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of those values that are positive numbers."""
    logarithms = [math.log(value) for value in values if value > 0]
    return math.exp(statistics.fmean(logarithms)) if logarithms else math.nan


def number(value: float, digits: int = 0) -> str:
    """Return a figure for a table cell."""
    return MISSING if math.isnan(value) else f"{value:,.{digits}f}"


def median(values: Sequence[float]) -> float:
    """Return the median, not-a-number when there are no values."""
    return statistics.median(values) if values else math.nan


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show_command() -> None:
    """Print the command that is running, and on what."""
    words = " ".join(["python -m", f"tests.benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]])
    print(f"`{words}`, Python {platform.python_version()}, {os.cpu_count()} cores\n", flush=True)


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table under its title."""
    print(f"**{title}**\n\n{table(head, rows)}\n", flush=True)
