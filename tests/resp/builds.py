"""A module as it is imported and, where that is compiled, from its source as well: one table of cases tests both."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from unittest import mock

import geventcache
from geventcache.base.build import IS_COMPILED


def builds(name: str, *order: str) -> dict[str, ModuleType]:
    """Return the module `name` of geventcache by its build, "compiled" or "pure".

    Args:
        order: modules that the pure one is made with, itself among them: each is made from those before it.
    """
    imported = importlib.import_module(f"geventcache.{name}")
    if not IS_COMPILED:
        return {"pure": imported}
    with ExitStack() as stack:
        pure = {each: _from_source(f"geventcache.{each}", stack) for each in order or (name,)}
    return {"compiled": imported, "pure": pure[name]}


def _from_source(name: str, stack: ExitStack) -> ModuleType:
    """Run a module's source, and let it stand in the module's place as long as the stack does."""
    package, _, own_name = name.rpartition(".")
    path = Path(geventcache.__file__).parents[1].joinpath(*name.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    stack.enter_context(mock.patch.dict(sys.modules, {name: module}))
    stack.enter_context(mock.patch.object(sys.modules[package], own_name, module))
    spec.loader.exec_module(module)
    return module
