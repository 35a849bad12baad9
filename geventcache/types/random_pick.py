# cython: boundscheck=False, wraparound=False, cdivision=True
"""Fair random choice from a dict: every key is as likely as every other.

A dict is an array of entries in order of insertion, with a hole where a key was deleted. A position is drawn at
random, and drawn again when it is a hole, so that a key is not the likelier for holes in front of it. The caller
bounds the positions: keys plus holes at most. Uncompiled, where entries cannot be reached by position, a choice walks
to its key.
"""

import os
import random
from itertools import islice
from typing import Any

import cython

TRIES = 64
state = int.from_bytes(os.urandom(8), "little")
generator = random.Random(state)


def seed(number: cython.ulonglong) -> None:
    """Make the choices that follow repeatable."""
    global state
    state = number
    generator.seed(number)


if cython.compiled:

    def next_bits():  # type: ignore[no-untyped-def]
        """64 random bits (splitmix64)."""
        global state
        state += cython.cast(cython.ulonglong, 0x9E3779B97F4A7C15)
        z: cython.ulonglong = state
        z = (z ^ (z >> 30)) * cython.cast(cython.ulonglong, 0xBF58476D1CE4E5B9)
        z = (z ^ (z >> 27)) * cython.cast(cython.ulonglong, 0x94D049BB133111EB)
        return z ^ (z >> 31)


def below(limit: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """A random integer from 0 to `limit` - 1; `limit` is at least 1."""
    if cython.compiled:
        return next_bits() % cython.cast(cython.ulonglong, limit)
    return generator.randrange(limit)


def random_key(table: dict[bytes, Any], bound: cython.Py_ssize_t) -> bytes:
    """A random key of `table`, which is not empty and has at most `bound` keys and holes."""
    if cython.compiled:
        key: cython.pointer(PyObject)  # type: ignore[valid-type]  # noqa: F821
        value: cython.pointer(PyObject)  # type: ignore[valid-type]  # noqa: F821
        after: cython.Py_ssize_t
        position: cython.Py_ssize_t
        for _ in range(TRIES):
            position = below(bound)
            after = position
            if (
                PyDict_Next(table, cython.address(after), cython.address(key), cython.address(value))  # type: ignore[name-defined]  # noqa: F821
                and after == position + 1
            ):
                return cython.cast(object, key)  # type: ignore[no-any-return]  # noqa: F821
    return next(islice(table, below(len(table)), None))


def random_keys(table: dict[bytes, Any], bound: cython.Py_ssize_t, count: cython.Py_ssize_t) -> list[bytes]:
    """`count` different random keys of `table`, all of them when there are fewer."""
    size: cython.Py_ssize_t = len(table)
    if count > size // 3 or not cython.compiled:
        return generator.sample(list(table), min(count, size))
    found: set[bytes] = set()
    while len(found) < count:
        found.add(random_key(table, bound))
    return list(found)
