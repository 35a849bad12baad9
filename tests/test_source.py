"""Rules about the source that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import geventcache

PACKAGE = Path(geventcache.__file__).parent
SOURCES = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")]
SETUP = PACKAGE.parent / "setup.py"


def test_no_cast_to_float() -> None:
    """`cython.cast(float, x)` does not mean the same compiled and uncompiled; `float(x)` does."""
    assert [str(path) for path in SOURCES if re.search(r"cython\.cast\(\s*float\b", path.read_text())] == []


@pytest.mark.skipif(not SETUP.exists(), reason="the installed package has no setup.py")
def test_hot_modules_are_compiled() -> None:
    """Every module that setup.py calls hot has a .pxd file: one that was renamed is not forgotten."""
    hot = re.search(r"^HOT = (\{.*?^\})", SETUP.read_text(), re.DOTALL | re.MULTILINE)
    assert hot is not None
    rooms = ast.literal_eval(hot[1])
    names = [PACKAGE / room / f"{name}.pxd" for room, modules in rooms.items() for name in modules]
    assert [str(path) for path in names if not path.exists()] == []
