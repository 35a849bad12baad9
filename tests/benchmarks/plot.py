"""Line plots as SVG: panels one above the other with a common time axis and logarithmic values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _PANEL_HEIGHT = 760, 240
_LEFT, _RIGHT, _TOP, _GAP = 70, 20, 44, 56
_COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce")
_BINS = 240
_FLOOR = 0.01


class Line(NamedTuple):
    """One server's points: times in seconds and values above zero."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


class Panel(NamedTuple):
    """A plot of some lines."""

    title: str
    lines: Sequence[Line]


def svg(panels: Sequence[Panel], x_title: str) -> str:
    """Return the panels as the text of an SVG image; of points that fall together the highest is drawn."""
    x_range = _range([x for panel in panels for line in panel.lines for x in line.xs])
    height = _TOP + len(panels) * (_PANEL_HEIGHT + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_legend([line.label for line in panels[0].lines]),
    ]
    for i, panel in enumerate(panels):
        parts += _panel(panel, _TOP + i * (_PANEL_HEIGHT + _GAP), x_range)
    parts += [_text(_WIDTH / 2, height - 10, x_title, "middle"), "</svg>\n"]
    return "\n".join(parts)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return bounds that differ."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def _legend(labels: Sequence[str]) -> list[str]:
    parts = []
    for i, label in enumerate(labels):
        x = _LEFT + i * 200
        parts.append(f'<rect x="{x}" y="10" width="14" height="4" fill="{_COLOURS[i]}"/>')
        parts.append(_text(x + 20, 16, label))
    return parts


def _panel(panel: Panel, top: float, x_range: tuple[float, float]) -> list[str]:
    logs = [math.log10(max(y, _FLOOR)) for line in panel.lines for y in line.ys]
    low, high = _range([math.floor(min(logs)), math.ceil(max(logs))] if logs else [])
    bottom = top + _PANEL_HEIGHT

    def x_at(x: float) -> float:
        return _LEFT + (x - x_range[0]) / (x_range[1] - x_range[0]) * (_WIDTH - _LEFT - _RIGHT)

    def y_at(y: float) -> float:
        return bottom - (math.log10(max(y, _FLOOR)) - low) / (high - low) * _PANEL_HEIGHT

    parts = [_text(_LEFT, top - 8, panel.title)]
    for power in range(int(low), int(high) + 1):
        y = y_at(10.0**power)
        parts += [_rule(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 8, y + 4, f"{10.0**power:g}", "end")]
    for tick in _ticks(*x_range):
        parts += [_rule(x_at(tick), top, x_at(tick), bottom), _text(x_at(tick), bottom + 16, f"{tick:g}", "middle")]
    for colour, line in zip(_COLOURS, panel.lines, strict=False):
        points = [f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in _highest(line, x_range)]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        parts += [_dot(point, colour) for point in points]
    return parts


def _highest(line: Line, x_range: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the highest point of each of the bins that the time axis is divided in."""
    width = (x_range[1] - x_range[0]) / _BINS
    bins: dict[int, tuple[float, float]] = {}
    for x, y in zip(line.xs, line.ys, strict=True):
        index = int((x - x_range[0]) / width)
        if index not in bins or y > bins[index][1]:
            bins[index] = (x, y)
    return [bins[index] for index in sorted(bins)]


def _ticks(low: float, high: float) -> list[float]:
    """Return four to ten round numbers between the bounds."""
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next((factor for factor in (5, 2) if (high - low) / (step * factor) >= 4), 1)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222">{escape(text)}</text>'


def _dot(point: str, colour: str) -> str:
    x, y = point.split(",")
    return f'<circle cx="{x}" cy="{y}" r="1.5" fill="{colour}"/>'
