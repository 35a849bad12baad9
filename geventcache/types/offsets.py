"""Rows of numbers of 32 bits: where entries begin in a node of a stream.

The compiled build has this from ``offsets.pxd``, which reaches into arrays; this is its twin, which serves uncompiled.
"""

from __future__ import annotations

from array import array


def at(row: array[int], place: int) -> int:
    """The number at a place that exists."""
    return row[place]


def add(row: array[int], number: int) -> None:
    """Append a number."""
    row.append(number)
