"""The account of memory is true: it is what the process grows by."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import geventcache
from geventcache.base.build import IS_COMPILED

# Uncompiled containers and boxes have attributes whose memory nobody tells.
TOLERANCE = 0.1 if IS_COMPILED else 0.3
# Blocks that grow at random places leave holes between them, which the C library keeps and the account does not see.
TOLERANCE_OF_HOLES = 0.15 if IS_COMPILED else 0.3
WITH_HOLES = ("a large sorted set", "a stream")
# Fills a cache by the lines of its first argument, for each i below the second, and tells the account and the growth.
SCRIPT = """
import sys
from geventcache import Cache
from geventcache.services.observing.stats import Stats

shape, count = sys.argv[1], int(sys.argv[2])
request = eval("lambda i: " + shape)
with Cache(maxmemory="8gb", maxmemory_policy="allkeys-lru") as cache:
    limit = cache._state.memory_limit
    for i in range(100):
        cache.execute(*request(i))
    cache.clear()
    before_used, before = limit.used(), Stats.resident_bytes()
    for i in range(count):
        cache.execute(*request(i))
    print(limit.used() - before_used, Stats.resident_bytes() - before)
"""
SHAPES = {
    "small strings": ("('SET', f'key:{i}', b'v%d' % i * 4)", 300_000),
    "large strings": ("('SET', f'key:{i}', b'x' * (3000 + i % 500))", 8_000),
    "counters": ("('INCRBY', f'key:{i}', 100_000 + i)", 300_000),
    "deadlines": ("('SET', f'key:{i}', b'%050d' % i, 'EX', 1000 + i % 5000)", 200_000),
    "buffers": ("('SETBIT', f'key:{i}', 8000, 1)", 20_000),
    "small hashes": (
        "('HSET', f'key:{i}', *[x for f in range(8) for x in (f'field{f}', f'value{i}')])",
        60_000 if IS_COMPILED else 15_000,
    ),
    "a large hash": ("('HSET', 'hash', f'field:{i}', f'value:{i}')", 300_000),
    "small lists": ("('RPUSH', f'key:{i}', *[f'element{i}:{e}' for e in range(20)])", 40_000),
    "a large list": ("('RPUSH', 'list', b'element:%050d' % i)", 300_000),
    "small sets": ("('SADD', f'key:{i}', *[f'member{i}:{e}' for e in range(10)])", 80_000 if IS_COMPILED else 15_000),
    "small sorted sets": (
        "('ZADD', f'key:{i}', *[x for e in range(10) for x in (e + i, f'member{e}:{i}')])",
        60_000 if IS_COMPILED else 10_000,
    ),
    "a large sorted set": ("('ZADD', 'zset', i * 7919 % 1_000_003, f'member:{i}')", 200_000),
    "a stream": ("('XADD', 'stream', '*', 'field', f'value:{i}', 'other', f'{i}')", 400_000),
}


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize("shape", SHAPES)
def test_account_is_true(shape: str) -> None:
    """What the account says was added is what became resident, within a tenth where it is compiled."""
    request, count = SHAPES[shape]
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, request, str(count)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(geventcache.__file__).parents[1],  # where the package under test is, compiled or not
    )
    accounted, resident = map(int, finished.stdout.split())
    assert accounted == pytest.approx(resident, rel=TOLERANCE_OF_HOLES if shape in WITH_HOLES else TOLERANCE)
