# cython: language_level=3, cdivision=True
"""Fair random choice, which tests can make repeatable, compiled."""

import os

cdef unsigned long long state = int.from_bytes(os.urandom(8), "little")


cpdef seed(unsigned long long number):
    """Make the choices that follow repeatable."""
    global state
    state = number


cpdef Py_ssize_t below(Py_ssize_t limit):
    """A random integer from 0 to `limit` - 1; `limit` is at least 1. It is made of 64 random bits (splitmix64)."""
    global state
    cdef unsigned long long z
    state += <unsigned long long>0x9E3779B97F4A7C15
    z = state
    z = (z ^ (z >> 30)) * <unsigned long long>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <unsigned long long>0x94D049BB133111EB
    return (z ^ (z >> 31)) % <unsigned long long>limit
