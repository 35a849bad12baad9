"""Free memory of the C library's heap goes back to the system in slices."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap

import pytest

from ..support.subject import environment

PROGRAM = textwrap.dedent("""
    from random import shuffle
    from geventcache.base.allocator import give_back

    def resident_mb():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 >> 20

    list(give_back())
    before = resident_mb()
    blocks = [bytes(1000) for _ in range(100_000)]
    pin = bytes(2000)
    shuffle(blocks)
    while blocks:
        blocks.pop()
    for steps, _ in enumerate(give_back(), 1):
        pass
    print(steps, before, resident_mb(), len(list(give_back())))
""")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="knows the heap of glibc")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="may have another allocator")
def test_free_memory_goes_back_in_slices() -> None:
    """A hundred megabytes before a block that stays: they go in pieces, and the heap is of use as before."""
    env = {**environment(), "PYTHONMALLOC": "pymalloc"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps, before, after, _ = map(int, done.stdout.split())
    assert steps > 20
    assert after < before + 30
