"""What all tests share: the report tells which build is tested, and a run that expects the other one stops."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

import geventcache
from geventcache.base.build import IS_COMPILED
from geventcache.services.scripting import runtime

_BUILD = "compiled" if IS_COMPILED else "pure"


def pytest_configure(config: pytest.Config) -> None:
    """Stop if GEVENTCACHE_EXPECT_BUILD names the other build.

    GEVENTCACHE_TEST_LUA names the module of lupa that runs the scripts of tests: `lua51` is what does where lupa has no
    LuaJIT.
    """
    expected = os.environ.get("GEVENTCACHE_EXPECT_BUILD", _BUILD)
    if expected != _BUILD:
        raise pytest.UsageError(f"a {expected} build was expected, this one is {_BUILD}: {geventcache.__file__}")
    if name := os.environ.get("GEVENTCACHE_TEST_LUA"):
        module = importlib.import_module(f"lupa.{name}")
        runtime.engine = lambda: module


def pytest_report_header() -> str:
    """Tell which build is tested, and where it is."""
    return f"geventcache: {_BUILD}, {Path(geventcache.__file__).parent}"
