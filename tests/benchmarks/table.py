"""The Table beside dicts, in one process: time of a GET and a SET, bytes a key, the longest insert.

The compiled Table and a C compiler are needed: the loops are compiled as the server's are. Times differ from machine to
machine: the ratios count.
"""

from __future__ import annotations

import argparse
import gc
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geventcache.base.table import Table
from geventcache.base.times import NEVER_MS

from ..support.compiling import compile_module
from .report import number, show, show_command

_SHARDS = 256
_VALUE = b"x" * 64
_REQUESTS = 64_000
_ROUNDS = 25
_PAGE_BYTES = 4096


def main() -> None:
    """Measure."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("-n", "--keys", type=int, default=1_000_000, help="keys (default %(default)s)")
    made.add_argument("-P", "--batch", type=int, default=16, help="requests a batch (default %(default)s)")
    options = made.parse_args()
    if not hasattr(Table(), "raw_value") and str(Table.__init__).startswith("<function"):
        made.error("the compiled Table is not there")
    show_command()
    gc.disable()
    keys = [b"key:%016d" % number for number in range(options.keys)]
    random.seed(1)
    random.shuffle(keys)
    shards: list[dict[bytes, bytes]] = [{} for _ in range(_SHARDS)]
    table, timed = Table(), Table()
    rows = [
        ["256 dicts", *_fill(keys, lambda key: _put_in_dict(shards, key))],
        ["table", *_fill(keys, lambda key: _put(table, key, NEVER_MS, 0))],
        ["table, deadlines", *_fill(keys, lambda key: _put(timed, key, 5000, 4000))],
    ]
    show(f"{len(keys):,} keys of 20 bytes, values of 64", ["", "bytes a key", "longest insert, ms"], rows)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(__file__).with_name("table_loops.pyx")
        _show_times(compile_module(source, "table_loops", Path(folder)), keys, shards, table, options.batch)


def _show_times(loops: Any, keys: list[bytes], shards: list[dict[bytes, bytes]], table: Table, batch: int) -> None:
    asked = [random.choice(keys) for _ in range(_REQUESTS)]
    gets = [
        _best(lambda: loops.get_from_dicts(shards, asked, batch)),
        _best(lambda: loops.get_from_table(table, asked, batch, False, True)),
        _best(lambda: loops.get_from_table(table, asked, batch, False, False)),
        _best(lambda: loops.get_from_table(table, asked, batch, True, False)),
    ]
    sets = [
        _best(lambda: loops.set_in_dicts(shards, asked, _VALUE, batch)),
        _best(lambda: loops.set_in_table(table, asked, _VALUE, batch, False)),
        _best(lambda: loops.set_in_table(table, asked, _VALUE, batch, True)),
    ]
    get_head = ["", "256 dicts", "table", "without an object", "and looking ahead"]
    show("GET", get_head, [["ns", *(number(each, 0) for each in gets)], ["ratio", *_ratios(gets)]])
    show(
        "SET",
        ["", "256 dicts", "table", "looking ahead"],
        [["ns", *(number(each, 0) for each in sets)], ["ratio", *_ratios(sets)]],
    )


def _ratios(times: list[float]) -> list[str]:
    return [number(each / times[0], 2) for each in times]


def _best(run: Callable[[], None]) -> float:
    """Nanoseconds a request in the best of some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.thread_time()
        run()
        best = min(best, time.thread_time() - started)
    return best / _REQUESTS * 1e9


def _fill(keys: list[bytes], put: Callable[[bytes], None]) -> list[str]:
    """Store all keys; return the bytes a key that the process grew by, and the milliseconds of the longest insert."""
    before, longest = _resident(), 0.0
    for key in keys:
        fresh = bytes(bytearray(key))
        started = time.thread_time()
        put(fresh)
        longest = max(longest, time.thread_time() - started)
    return [number((_resident() - before) / len(keys), 1), number(longest * 1e3, 2)]


def _put_in_dict(shards: list[dict[bytes, bytes]], key: bytes) -> None:
    shards[hash(key) % _SHARDS][key] = bytes(bytearray(_VALUE))


def _put(table: Any, key: bytes, deadline_ms: int, filed_ms: int) -> None:
    table.seek(key)
    table.put_until(_VALUE, deadline_ms, filed_ms)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


if __name__ == "__main__":
    main()
