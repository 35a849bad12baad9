"""The text formats of Prometheus and of OpenMetrics, written by hand: 900 samples take less than a millisecond.

The rules:

- A family is written once, with all its samples. A counter's name ends in ``_total``; OpenMetrics names its family
  without that, Prometheus with it.
- Values of labels are escaped here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from geventcache.base.histogram import Histogram

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OPENMETRICS_MEDIA = "application/openmetrics-text"
TOTAL = "_total"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
END = "# EOF"  # of a page of OpenMetrics
POWERS = 26  # buckets of a histogram: up to 2**25 - 1, 33 seconds in microseconds
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(NamedTuple):
    """A value, with its labels as text and what its name has after that of the family."""

    value: Any
    labels: str = ""
    suffix: str = ""


class Family(NamedTuple):
    """All samples of one name."""

    name: str
    kind: str
    description: str
    samples: list[Sample]


def labels(**values: str) -> str:
    """The text of labels."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in values.items())


def single(name: str, kind: str, description: str, value: Any) -> Family:
    """A family of one sample."""
    return Family(name, kind, description, [Sample(value)])


def by_label(name: str, kind: str, description: str, label: str, values: Mapping[str, Any]) -> Family:
    """A family with one sample for each value of a label."""
    return Family(name, kind, description, [Sample(value, labels(**{label: key})) for key, value in values.items()])


def buckets(histogram: Histogram, scale: float = 1, label: str = "") -> list[Sample]:
    """The samples of a histogram; `scale` brings its integers to the unit of the family, which `le` is written in.

    A slot of `Histogram` never holds values on both sides of a power of two. So the bounds are the largest integers
    below those, and the counts are exact.
    """
    counts = [0] * (POWERS + 1)
    for value, times in histogram.buckets():
        counts[min(value.bit_length(), POWERS)] += times
    lead = f"{label}," if label else ""
    below, samples = 0, []
    for power in range(POWERS):
        below += counts[power]
        bound = float(((1 << power) - 1) * scale)
        samples.append(Sample(below, f'{lead}le="{bound:.10g}"' if bound else f'{lead}le="0.0"', "_bucket"))
    samples.append(Sample(histogram.count, f'{lead}le="+Inf"', "_bucket"))
    samples.append(Sample(histogram.total * scale, label, "_sum"))
    samples.append(Sample(histogram.count, label, "_count"))
    return samples


def is_openmetrics(accept: str) -> bool:
    """Whether a header `Accept` asks for OpenMetrics, as Prometheus' own does first of all."""
    return OPENMETRICS_MEDIA in accept


def render(families: Iterable[Family], openmetrics: bool) -> str:
    """The text of the families that have samples."""
    lines: list[str] = []
    for name, kind, description, samples in families:
        if samples:
            family = name.removesuffix(TOTAL) if openmetrics and kind == COUNTER else name
            lines += (f"# HELP {family} {description}", f"# TYPE {family} {kind}")
            lines += [
                f"{name}{suffix}{{{text}}} {value}" if text else f"{name}{suffix} {value}"
                for value, text, suffix in samples
            ]
    if openmetrics:
        lines.append(END)
    return "\n".join(lines) + "\n"


def merge(pages: Mapping[int, str], label: str) -> str:
    """The samples of several pages in one, without its end; each gets the number of its page as a label.

    A family stands once, with the samples of all pages.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, page in pages.items():
        mark = f'{label}="{number}"'
        family = ""
        for line in page.splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                heads.setdefault(family, [])
                samples.setdefault(family, [])
            if not line.startswith("#"):
                samples[family].append(labelled(line, mark))
            elif line != END and line not in heads[family]:
                heads[family].append(line)
    return "".join(f"{line}\n" for family, head in heads.items() for line in (*head, *samples[family]))


def labelled(line: str, label: str) -> str:
    """A sample with one label more."""
    name, brace, rest = line.partition("{")
    if brace and " " not in name:
        return f"{name}{{{label},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{label}}} {value}"
