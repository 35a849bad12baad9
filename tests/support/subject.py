"""The package under test: what a test has imported is what the processes that it starts run.

So `pytest` tests the installed package throughout, and `python -m pytest` the source tree.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import geventcache

_FOLDER = Path(geventcache.__file__).resolve().parents[1]


def command(*options: str) -> list[str]:
    """Return the command line of a server."""
    return [sys.executable, "-m", "geventcache", *options]


def environment() -> dict[str, str]:
    """Return the environment in which Python finds the package under test."""
    return {**os.environ, "PYTHONPATH": str(_FOLDER)}
