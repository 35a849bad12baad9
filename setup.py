"""Builds the compiled modules: every module of geventcache with a .pxd file beside it, by Cython.

They run uncompiled as well, so a build without a C compiler succeeds and installs plain Python. It is all or nothing:
compiled modules rely on each other's C interfaces. GEVENTCACHE_PURE=1 asks for the plain build.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

PACKAGE = Path("geventcache")


class BuildAllOrNone(build_ext):
    """`build_ext` that leaves no extension behind when one of them fails."""

    def build_extensions(self) -> None:
        """Compile all extensions, or report why there are none."""
        self.parallel = self.parallel or os.cpu_count()
        try:
            super().build_extensions()
        except (BaseError, CCompilerError, OSError) as error:
            print(f"geventcache: not compiled, installing plain Python instead: {error}", file=sys.stderr)
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []


def extensions() -> list[Extension]:
    """Return the extensions to build, none for a plain build."""
    if os.environ.get("GEVENTCACHE_PURE") == "1":
        return []
    import greenlet
    from Cython.Build import cythonize

    greenlet_folder = Path(greenlet.__file__).parent
    # A .pyx beside the .py is the compiled module, the .py its twin.
    sources = sorted(
        twin if (twin := source.with_suffix(".pyx")).exists() else source.with_suffix(".py")
        for source in PACKAGE.rglob("*.pxd")
    )
    modules = [
        Extension(
            ".".join(source.with_suffix("").parts),
            [str(source)],
            include_dirs=[str(greenlet_folder), str(greenlet_folder.parent)],
            extra_compile_args=[] if os.name == "nt" else ["-O2", "-g0"],
        )
        for source in sources
        if source.exists()
    ]
    return cythonize(modules, build_dir="build/cython", language_level=3, nthreads=os.cpu_count() or 1, quiet=True)


# The processes of cythonize may import this file again.
if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildAllOrNone})
