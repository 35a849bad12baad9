"""What C does in another way than Python, in as few and small functions as there are such things.

The compiled build has them from ``native.pxd`` and ``native.pyx``; these are their twins, which serve uncompiled. So
the modules that use them read the same in both builds. Where a whole class differs, it has a twin of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PIECE = 32 * 1024
INT64_MAX = 2**63 - 1
EXACT_DIGITS = 15


def monotonic_us() -> int:
    """Microseconds of a clock that never goes back; its zero means nothing."""
    return time.monotonic_ns() // 1000


def invoke(function: Callable[..., Any], args: list[Any], start: int, first: Any) -> Any:
    """Call a function with the items of a list from `start` on, the first of which is `first` meanwhile."""
    kept = args[start]
    args[start] = first
    try:
        return function(*args[start:]) if start else function(*args)
    finally:
        args[start] = kept


def part(data: bytes, start: int, size: int) -> bytes:
    """The bytes data[start : start + size], which exist."""
    return data[start : start + size]


def part_of_buffer(data: bytearray, start: int, size: int) -> bytes:
    """The same of a bytearray."""
    return bytes(data[start : start + size])


def nearest(value: float) -> int:
    """The nearest integer, the even one of two."""
    return round(value)


def scan_integer(text: bytes) -> tuple[int, bool]:
    """Return the canonical signed 64-bit integer in `text` and True, or 0 and False.

    Compiled, no object is made; to the interpreter a loop over digits costs several times an `int()`.
    """
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > 19 or (digits[:1] == b"0" and text != b"0"):
        return 0, False
    value = int(text)
    return (value, True) if -INT64_MAX - 1 <= value <= INT64_MAX else (0, False)


def scan_decimal(text: bytes) -> tuple[float, bool]:
    """Return the double of a short decimal and True, or 0.0 and False: then `text` may still be a number.

    Compiled, it is one of up to 15 digits, which may have a sign, and a point between two of them.
    """
    return (float(text), True) if text.isdigit() and len(text) <= EXACT_DIGITS else (0.0, False)


def count_ones(data: bytes | bytearray, start: int, stop: int) -> int:
    """How many bits of data[start:stop] are set."""
    ones = 0
    for low in range(start, stop, PIECE):
        ones += int.from_bytes(data[low : min(low + PIECE, stop)], "little").bit_count()
    return ones


def histogram(data: bytearray, kinds: int) -> list[int]:
    """How many bytes have each value below `kinds`; none has another."""
    return [data.count(value) for value in range(kinds)]
