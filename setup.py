"""Builds the compiled modules, by Cython, and archives whose bytes depend on the sources alone.

The rules:

- A module with a `.pxd` file beside it is compiled: from its `.pyx` file if it has one, else from its `.py` file; the
  `.py` file is what runs uncompiled. What a client rarely calls (ACL, CONFIG, INFO, ...) has no `.pxd` file. A `.pxd`
  file alone declares what C has: Cython reads the declarations of all that a module knows, again for each module.
- It is all or nothing, since compiled modules rely on each other's C interfaces. So a build without a C compiler
  succeeds and installs plain Python, for which GEVENTCACHE_PURE=1 asks.
- What is hot is optimised by -O2, what is rare by -Og, the rest by -O1: they take the C compiler's time as 8 to 4 to 5.
  What Cython's code has in common stands once, in `geventcache._cyutility`.
- GEVENTCACHE_CHECKED=1 leaves optimisation to CFLAGS, for sanitizers; names of folders compile these alone, for tests
  of their modules by themselves.
"""

from __future__ import annotations

import gc
import gzip
import os
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import BaseError, CCompilerError

PACKAGE = Path("geventcache")
CHECKED = os.environ.get("GEVENTCACHE_CHECKED", "")
SHARED = "geventcache._cyutility"
# What every request passes, and the everyday types: there -O2 gains up to a fifth (100 elements of LRANGE), and in the
# modules of single commands nothing that can be measured.
HOT = {
    "base": {"deadlines", "native", "table"},
    "resp": {"encoders", "reader", "requests", "scan", "writer"},
    "server": {"wire"},
    "engine": {"engine", "runs"},
    "services": {"scripting/door"},
    "upstream": {"door"},
    "store": {"changes", "eviction", "keyspace", "places", "uses"},
    "types": {
        "elements",
        "hashes",
        "list_node",
        "lists",
        "order",
        "packed",
        "packed_list",
        "quicklist",
        "scored",
        "sets",
        "sorted_sets",
    },
}
# What is seldom asked for, or leaves the work to others: a call of these is slower by some hundred instructions.
RARE = {
    "command": {"effects", "geo_search", "hash_fields"},
    "commands": {
        "bitmaps",
        "hash_deadlines",
        "lists_blocking",
        "pubsub",
        "scripting",
        "set_operations",
        "sorted_set_operations",
        "stream_parts",
        "stream_pending",
        "stream_reading",
        "strings_parts",
        "transactions",
    },
    "persistence": {"listpack", "snapshot_reader", "streams"},
    "services": {"shards/slots"},
    "types": {"geo", "stream_groups"},
}
# What takes a sixth of the compiler's time and finds nothing in code that calls a function at every step and keeps what
# it knows in memory: requests execute as many instructions without. What only -O1 is without is of use at -O2.
FRUITLESS = [
    "-fno-gcse",
    "-fno-ipa-modref",
    "-fno-ivopts",
    "-fno-schedule-insns2",
    "-fno-tree-loop-optimize",
    "-fno-tree-pre",
    "-fno-tree-pta",
    "-fno-tree-vrp",
]
FRUITLESS_O1 = [
    *FRUITLESS,
    "-fno-tree-coalesce-vars",
    "-fno-tree-dominator-opts",
    "-fno-tree-scev-cprop",
    "-fno-tree-sink",
    "-fno-tree-slsr",
    "-fno-tree-sra",
]
# Without copies of what a function of Cython does as well: look up a name, call a method.
RARE_FLAGS = ["-Og", "-DCYTHON_USE_DICT_VERSIONS=0", "-DCYTHON_UNPACK_METHODS=0"]
# What makes a module when it is imported is a fifth of its code and runs once: there is nothing to optimise. Compilers
# that do not know the attribute ignore it.
UNOPTIMISED_ONCE = ["-DCYTHON_SMALL_CODE=__attribute__((cold,optimize(0)))", "-Wno-attributes"]
# Names and texts are unpacked by code that each module would have for itself.
PLAIN_TEXTS = ["-DCYTHON_COMPRESS_STRINGS=0"]
# Looking for what -Wall warns of takes a tenth of the compiler's time, in code that nobody wrote.
UNWATCHED = ["-Wno-all"]
# Each of these would otherwise add code to every function or class: ways to pickle them, which nothing does, or things
# that know of a function what only tools ask. Of that its parameters stay: declarations are checked against them.
DIRECTIVES = {
    "auto_pickle": False,
    "binding": False,
    "embedsignature": True,
    "embedsignature.format": "clinic",
    "emit_code_comments": False,
}
# Where a list cannot grow, this function of Cython 3.3 lets go of an item that its callers let go of as well.
LETS_GO_TWICE = """\
int result = PyList_Append(list, x);
    Py_DECREF(x);
    return result;"""
LETS_GO_ONCE = """\
if (PyList_Append(list, x) < 0) return -1;
    Py_DECREF(x);
    return 0;"""
# The time that archives give for all their files, unless the environment has another: 1 January 2026.
EPOCH = os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")


class BuildAllOrNone(build_ext):
    """`build_ext` that translates all extensions at once, and leaves none behind when one of them fails."""

    def build_extensions(self) -> None:
        """Compile all extensions, or report why there are none."""
        self.parallel = self.parallel or os.cpu_count()
        try:
            translate(self.extensions)
            if not self.knows(FRUITLESS_O1):
                for extension in self.extensions:
                    flags = extension.extra_compile_args
                    extension.extra_compile_args = [flag for flag in flags if flag not in FRUITLESS_O1]
            super().build_extensions()
        except (BaseError, CCompilerError, OSError) as error:
            print(f"geventcache: not compiled, installing plain Python instead: {error}", file=sys.stderr)
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []

    def knows(self, flags: list[str]) -> bool:
        """Does the C compiler take these flags? One that it does not know is an error."""
        with TemporaryDirectory() as folder:
            empty = Path(folder, "empty.c")
            empty.touch()
            try:
                self.compiler.compile([str(empty)], output_dir=folder, extra_postargs=flags)
            except CCompilerError:
                return False
        return True


class SameBytesSdist(sdist):
    """`sdist` whose archive tells nothing of when, where and by whom it was made."""

    def make_archive(self, base_name: str, format: str, base_dir: str, **options: object) -> str:
        """Pack the folder; the format is always a tar file, compressed by gzip."""
        archive = Path(f"{base_name}.tar.gz")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with (
            archive.open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=int(EPOCH)) as packed,
            tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in sorted(Path(base_dir).rglob("*")):
                tar.add(path, recursive=False, filter=anonymous)
        return str(archive)


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return the member of an archive without owner and time."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(EPOCH)
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def extensions() -> list[Extension]:
    """Return the extensions to build, the largest first, none for a plain build."""
    if os.environ.get("GEVENTCACHE_PURE") == "1":
        return []
    sources = [source for declarations in PACKAGE.rglob("*.pxd") if (source := source_of(declarations)).exists()]
    if CHECKED not in ("", "1"):
        sources = [source for source in sources if source.relative_to(PACKAGE).parts[0] in CHECKED.split(",")]
    sources.sort(key=lambda source: (-source.stat().st_size, source))
    modules = [extension(".".join(source.with_suffix("").parts), [str(source)], flags_of(source)) for source in sources]
    return [extension(SHARED, [], RARE_FLAGS), *modules]


def source_of(declarations: Path) -> Path:
    """Return what is compiled for a `.pxd` file."""
    c_memory = declarations.with_suffix(".pyx")
    return c_memory if c_memory.exists() else declarations.with_suffix(".py")


def flags_of(source: Path) -> list[str]:
    """Return how a module is optimised."""
    room, _, name = source.relative_to(PACKAGE).with_suffix("").as_posix().partition("/")
    if name in HOT.get(room, ()):
        return ["-O2", *FRUITLESS]
    return RARE_FLAGS if name in RARE.get(room, ()) else ["-O1", *FRUITLESS_O1]


def extension(name: str, sources: list[str], optimised: list[str]) -> Extension:
    """Describe an extension; -g0 also keeps the paths of the build out of it."""
    flags = [] if CHECKED else [*optimised, "-g0", *UNWATCHED, *PLAIN_TEXTS, *UNOPTIMISED_ONCE]
    return Extension(name, sources, extra_compile_args=flags)


def translate(modules: list[Extension]) -> None:
    """Put C files in the place of their sources, as far as they are not up to date."""
    import greenlet
    from Cython.Build import cythonize

    # Cython makes objects by the million, next to none of them garbage: looking for it takes a third of the time.
    gc.set_threshold(1_000_000, 5, 1000)
    folder = Path(greenlet.__file__).parent
    translated = cythonize(
        modules,
        build_dir="build/cython",
        language_level=3,
        nthreads=os.cpu_count() or 1,
        quiet=True,
        compiler_directives=DIRECTIVES,
        shared_utility_qualified_name=SHARED,
    )
    for module, result in zip(modules, translated, strict=True):
        module.sources, module.depends = result.sources, result.depends
        module.include_dirs = [str(folder), str(folder.parent)]
        for source in module.sources:
            mend(Path(source))


def mend(source: Path) -> None:
    """Let a C file's comprehensions give an item up once only where there is no memory for it."""
    text = source.read_text(encoding="utf-8")
    if LETS_GO_TWICE in text:
        source.write_text(text.replace(LETS_GO_TWICE, LETS_GO_ONCE), encoding="utf-8")


# The processes of cythonize may import this file again.
if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildAllOrNone, "sdist": SameBytesSdist})
