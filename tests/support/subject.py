"""The package under test: what a test has imported is what the processes that it starts run.

So `pytest` tests the installed package throughout, and `python -m pytest` the source tree.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import geventcache

_FOLDER = Path(geventcache.__file__).resolve().parents[1]
_ROOT = Path(__file__).resolve().parents[2]


WITH_LUA = """
import importlib, os, runpy
from geventcache.services.scripting import runtime
module = importlib.import_module("lupa." + os.environ["GEVENTCACHE_TEST_LUA"])
runtime.engine = lambda: module
runpy.run_module("geventcache", run_name="__main__", alter_sys=True)
"""


def command(*options: str) -> list[str]:
    """Return the command line of a server, with the Lua that GEVENTCACHE_TEST_LUA names."""
    run = ["-c", WITH_LUA] if "GEVENTCACHE_TEST_LUA" in os.environ else ["-m", "geventcache"]
    return [sys.executable, *run, *options]


def environment() -> dict[str, str]:
    """Return the environment in which Python finds the package under test."""
    return {**os.environ, "PYTHONPATH": str(_FOLDER)}


def environment_with_tests() -> dict[str, str]:
    """The same for a program that needs the tests as well; it does not take the package that lies beside them."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (_FOLDER, _ROOT))), "PYTHONSAFEPATH": "1"}
