"""A replica that keeps a journal has all data of its primary again, whatever kills it."""

from __future__ import annotations

import signal
from pathlib import Path

from ..support.process import eventually, information, serving
from .relations import OURS, digest, follow, running_make, wait_for_all


def test_a_replica_keeps_what_it_got(tmp_path: Path) -> None:
    """Data of its own go with a full sync, and the journal begins anew; then it notes what its primary sends."""
    options = ("--dir", str(tmp_path), "--appendonly", "yes", "--enable-debug-command", "yes")
    with running_make(OURS) as primary:
        primary.do("DEBUG", "POPULATE", 1000)
        primary.do("RPUSH", "list", "a", "b", "c")
        with serving(*options) as process:
            replica = process.connect()
            replica.do("SET", "own", "v")
            follow(replica, primary)
            wait_for_all(replica, primary)
            assert eventually(lambda: information(replica, "persistence")["aof_rewrites"] == "1")
            primary.do("LPOP", "list")
            primary.do("SET", "volatile", "v", "PX", 1)
            assert eventually(lambda: primary.do("EXISTS", "volatile").value == 0)
            primary.do("SET", "last", "v", "PX", 100_000_000)
            wait_for_all(replica, primary)
            assert eventually(lambda: information(replica, "persistence")["aof_buffer_length"] == "0")
            process.end(signal.SIGKILL)
        with serving(*options) as process:
            again = process.connect()
            assert eventually(lambda: not again.do("DBSIZE").is_error)
            assert digest(again) == digest(primary)
