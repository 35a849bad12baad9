"""Modules that tests and benchmarks compile for themselves, with flags or helpers that no installation has."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def compile_module(source: Path, name: str, folder: Path, flags: tuple[str, ...] = ()) -> ModuleType:
    """Compile a Cython file into a folder; load it under that name beside what the imports know, and return it."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    extension = Extension(name, [str(source)])
    made = cythonize(
        [extension], build_dir=str(folder), include_path=[str(ROOT)], language_level=3, quiet=True, force=True
    )
    made[0].extra_compile_args = ["-O2", *flags]
    command = Distribution({"ext_modules": made}).get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    command.run()
    loader = ExtensionFileLoader(name, command.get_ext_fullpath(name))
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
