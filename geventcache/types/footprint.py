"""Estimates of the memory that elements take, from a few of them."""

from collections.abc import Collection
from itertools import islice

SAMPLED = 16
BYTES_HEADER = 33
ALIGNMENT = 16


def bytes_size(length: int) -> int:
    """What the allocator gives for a bytes object of `length` bytes."""
    return -(-(BYTES_HEADER + length) // ALIGNMENT) * ALIGNMENT


def elements_size(elements: Collection[bytes]) -> int:
    """Estimated bytes of all `elements`, of which the first few are looked at."""
    sizes = [bytes_size(len(element)) for element in islice(elements, SAMPLED)]
    return sum(sizes) * len(elements) // len(sizes) if sizes else 0
