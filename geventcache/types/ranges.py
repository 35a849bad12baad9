"""Index ranges as commands write them."""

import cython


def clamp(start: cython.Py_ssize_t, stop: cython.Py_ssize_t, size: cython.Py_ssize_t) -> tuple[int, int]:
    """Turn an inclusive range of a sequence of `size` elements into the half-open range of indices that exist.

    A negative index counts from the end. Both results are 0 when no index of the range exists.
    """
    if start < 0:
        start += size
        if start < 0:
            start = 0
    if stop < 0:
        stop += size
    if stop >= size:
        stop = size - 1
    if start > stop:
        return 0, 0
    return start, stop + 1
