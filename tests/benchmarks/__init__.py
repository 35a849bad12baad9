"""Benchmarks: each module is a command, ``python -m tests.benchmarks.NAME``, that prints a Markdown table.

They start geventcache and a reference themselves, on free ports in temporary folders with the same options, measure
them in turn within one run, and stop them whatever happens. Nothing here is collected by pytest but `test_*.py`.
"""
