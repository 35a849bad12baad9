"""The figures' arithmetic, and that tables and plots are well formed."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from .client import encode
from .plot import Line, Panel, svg
from .readme import BEGIN, END, replaced
from .report import geometric_mean, median_ratio, number, quantile, spread, table


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_quantile_is_the_smallest_value_that_covers_the_fraction(fraction: float, expected: int) -> None:
    """A quantile is one of the values, found by rank."""
    assert quantile(range(100, 0, -1), fraction) == expected


def test_spread_of_nothing_is_no_number() -> None:
    """A series without values has no quantiles, and its cells say so."""
    assert [number(value) for value in spread([])] == ["-", "-", "-"]


def test_ratio_is_taken_round_by_round() -> None:
    """A noisy round moves both servers, so ratios are formed before the median."""
    assert median_ratio([10, 100, 3], [10, 50, 1]) == 2
    assert math.isnan(median_ratio([], [1.0]))


def test_geometric_mean_leaves_missing_ratios_out() -> None:
    """A test that could not run does not spoil the mean."""
    assert geometric_mean([2.0, math.nan, 8.0]) == pytest.approx(4.0)


def test_table_is_markdown() -> None:
    """A table has a head, a rule that aligns the figures, and the rows."""
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_requests_are_arrays_of_bulk_strings() -> None:
    """Bytes, text and integers are encoded alike."""
    assert encode(b"SET", "k", 12) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n"


@pytest.mark.parametrize("points", [[], [(0.5, 3.0)], [(i / 1000, 0.001 * i) for i in range(5000)]])
def test_plot_is_well_formed(points: list[tuple[float, float]]) -> None:
    """A plot parses as XML with a line for each server, whatever the number of its points."""
    line = Line("a < b", [x for x, _ in points], [y for _, y in points])
    root = ElementTree.fromstring(svg([Panel("top", [line]), Panel("bottom", [line])], "seconds"))
    assert len(root.findall("{*}polyline")) == 2


def test_page_gets_another_section() -> None:
    """What stands between the two comments is replaced, what stands around them stays."""
    page = replaced(f"before\n{BEGIN}\nold\n{END}\nafter", "new \\1")
    assert page == f"before\n{BEGIN}\nnew \\1\n{END}\nafter"
