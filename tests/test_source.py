"""Rules about the source that no linter knows."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from pathlib import Path

import pytest

import geventcache

PACKAGE = Path(geventcache.__file__).parent
SOURCES = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")]
SETUP = PACKAGE.parent / "setup.py"
TRANSLATED = PACKAGE.parent / "build" / "cython"


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


def test_builds_differ_by_module() -> None:
    """No module asks whether it is compiled, or uses names of C that it does not import: builds differ by twins."""
    branch = re.compile(r"cython\.compiled|noqa: F821")
    assert [str(path) for path in PACKAGE.rglob("*.py") if branch.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.skipif(not TRANSLATED.exists(), reason="nothing was compiled here")
def test_no_exception_is_lost() -> None:
    """No C function swallows an exception: what is declared `noexcept` cannot raise, not even without memory."""
    losing = []
    for declarations in PACKAGE.rglob("*.pxd"):
        path = (TRANSLATED / declarations.relative_to(PACKAGE.parent)).with_suffix(".c")
        if path.exists():
            losing += re.findall(r'__Pyx_WriteUnraisable\("([^"]+)"', path.read_text(encoding="utf-8"))
    assert losing == []


def test_calls_go_by_c() -> None:
    """What a compiled module calls of another one's C functions is declared to it: else it goes by Python objects."""
    missing = []
    for path in PACKAGE.rglob("*.py"):
        if path.with_suffix(".pxd").exists() and not path.with_suffix(".pyx").exists():
            missing += [f"{path.relative_to(PACKAGE)}: {name}" for name in sorted(undeclared(path))]
    assert missing == []


def undeclared(path: Path) -> set[str]:
    """Return which functions of others a module calls that are in their .pxd file, but not in its own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = Counter(
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    uses = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    declared = re.findall(r"^from (\S+) cimport (\([^)]*\)|.*)$", path.with_suffix(".pxd").read_text(), re.MULTILINE)
    own = {(module, name) for module, names in declared for name in re.findall(r"\w+", names)}
    return {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
        if alias.name in c_functions(node.module) and (node.module, alias.name) not in own
        if 0 < uses[alias.name] == calls[alias.name]
    }


@functools.cache
def c_functions(module: str) -> frozenset[str]:
    """Return the functions of a module that others can call by C and by Python."""
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".pxd")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return frozenset(re.findall(r"^cpdef [^\n(]*?(\w+)\(", text, re.MULTILINE))
