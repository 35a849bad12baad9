"""A module as it is imported and, where that is compiled, from its source as well: one table of cases tests both."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import geventcache
from geventcache.base.build import IS_COMPILED


def builds(name: str) -> dict[str, ModuleType]:
    """Return the module `name` of geventcache by its build, "compiled" or "pure"."""
    imported = importlib.import_module(f"geventcache.{name}")
    if not IS_COMPILED:
        return {"pure": imported}
    return {"compiled": imported, "pure": _from_source(name)}


def _from_source(name: str) -> ModuleType:
    path = Path(geventcache.__file__).parent.joinpath(*name.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(f"pure.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
