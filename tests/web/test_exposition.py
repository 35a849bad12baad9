"""The text formats, by prometheus_client's parsers."""

from __future__ import annotations

import pytest

from geventcache.base.histogram import Histogram
from geventcache.web.exposition import COUNTER, GAUGE, HISTOGRAM, Family, buckets, by_label, is_openmetrics, render

prometheus = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")
PARSERS = {
    False: prometheus.text_string_to_metric_families,
    True: openmetrics.text_string_to_metric_families,
}


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("value", ["", "plain", 'a "b" \\ c', "two\nlines", "\\n", "}{,=", "\u20ac"])
def test_labels_are_escaped(value: str, is_open: bool) -> None:
    """A label is read as it was meant, whatever is in it."""
    text = render([by_label("x_total", COUNTER, "Some.", "name", {value: 3})], is_open)
    (family,) = PARSERS[is_open](text)
    assert [(sample.name, sample.labels, sample.value) for sample in family.samples] == [
        ("x_total", {"name": value}, 3)
    ]


@pytest.mark.parametrize("is_open", [False, True])
def test_histograms(is_open: bool) -> None:
    """Buckets count all values up to their bounds, exactly at powers of two."""
    histogram = Histogram()
    for value in (0, 1, 2, 3, 4, 1023, 1024, 10**9):
        histogram.record(value)
    (family,) = PARSERS[is_open](render([Family("x", HISTOGRAM, "Some.", buckets(histogram))], is_open))
    found = {sample.labels.get("le", sample.name): sample.value for sample in family.samples}
    below = [found[bound] for bound in ("0.0", "1", "3", "7", "1023", "2047", "33554431", "+Inf")]
    assert below == [1, 2, 4, 5, 6, 7, 7, 8]
    assert (found["x_count"], found["x_sum"]) == (8, 10**9 + 2057)


def test_families_without_samples_are_left_out() -> None:
    """There is no heading over nothing."""
    assert render([by_label("x", GAUGE, "Some.", "name", {})], False) == "\n"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("text/plain", False),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3", True),
    ],
)
def test_format_by_accept(accept: str, expected: bool) -> None:
    """OpenMetrics is for those who ask for it."""
    assert is_openmetrics(accept) is expected
