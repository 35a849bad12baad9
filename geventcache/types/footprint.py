# cython: boundscheck=False, cdivision=True
"""What elements take in memory, estimated from a few of them where there are many."""

from itertools import islice
from typing import Any

import cython

SAMPLED = 16
BYTES_HEADER = 33
ALIGNMENT = 16
# The interpreter's own allocator serves what is small; behind it stands the C library's, with a header a block.
SMALL_BLOCK = 512
BLOCK_HEADER = 8


def block_size(length: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """What the C library's allocator gives for a block of `length` bytes."""
    return (length + BLOCK_HEADER + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def bytes_size(length: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """What the allocator gives for a bytes object of `length` bytes."""
    size: cython.Py_ssize_t = BYTES_HEADER + length
    if size > SMALL_BLOCK:
        size += BLOCK_HEADER
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def elements_size(elements: Any) -> int:
    """Estimated bytes of all `elements`, of which the last few are looked at.

    The last, because a dict from whose front elements were deleted is slow to reach from there.
    """
    count: cython.Py_ssize_t = len(elements)
    if not count:
        return 0
    total: cython.longlong = 0
    seen: cython.Py_ssize_t = 0
    for element in islice(reversed(elements), SAMPLED):
        total += bytes_size(len(element))
        seen += 1
    estimated: int = total * count // seen
    return estimated
