# cython: language_level=3
"""Rows of numbers, compiled: all of it stands in ``offsets.pxd``, to be part of the modules that use it."""
