"""Memory that the C library keeps after it was freed, given back to the system in slices.

The C library returns the end of its heap by itself, but nothing while a single block stands behind what is free.
``malloc_trim`` returns all of it at once, which takes half a second a gigabyte. So `give_back` takes the free memory
in pieces, drops the pages of each, and lets all go in the end: the heap is as before, without pages behind it. That
works on Linux with glibc; elsewhere it ends at once.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import sys
from collections.abc import Iterator
from typing import Any

PIECE_BYTES = 2 << 20  # whose pages are dropped in about a millisecond
MOST_PIECES = 1 << 16


def give_back() -> Iterator[None]:
    """Return free memory of the heap to the system, a piece at each step."""
    if not sys.platform.startswith("linux"):
        return
    library = _library()
    end = library.sbrk(0)
    pieces: list[int] = []
    try:
        while len(pieces) < MOST_PIECES:
            piece = library.malloc(PIECE_BYTES)
            if not piece:
                return
            pieces.append(piece)
            if piece + PIECE_BYTES > end:  # nothing is free: the heap grows, or this is not its memory
                return
            start = -(-piece // mmap.PAGESIZE) * mmap.PAGESIZE
            library.madvise(start, PIECE_BYTES - mmap.PAGESIZE, mmap.MADV_DONTNEED)
            yield
    finally:
        for piece in pieces:
            library.free(piece)


@functools.cache
def _library() -> Any:
    """The C library, with the types of what is called."""
    library = ctypes.CDLL(None)
    library.malloc.restype = library.sbrk.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.sbrk.argtypes = [ctypes.c_ssize_t]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return library
