"""Counters that belong to the server as a whole."""

from __future__ import annotations

import os
import resource
import secrets
import time

OWN_CODES = frozenset(
    b"BUSY BUSYGROUP CROSSSLOT DENIED ERR EXECABORT INVALIDOBJ MOVED NOAUTH NOGROUP NOPERM NOPROTO NOSCRIPT NOTBUSY "
    b"OOM UNBLOCKED UNKILLABLE WRONGPASS WRONGTYPE".split()
)
# Scripts make up codes, as many as they like: so many of them are told apart, as by the reference.
SCRIPT_CODES = 128
OTHER_CODES = b"ERRORSTATS_OVERFLOW"


class Stats:
    """What INFO counts, beside what clients, keyspaces and commands count for themselves.

    Attributes:
        run_id: of this run of the server, at random.
        started_s: when it began, in seconds since the epoch.
        errors: how many error replies had each code.
    """

    def __init__(self) -> None:
        self.run_id = secrets.token_hex(20)
        self.started = time.monotonic()
        self.started_s = int(time.time())
        self.errors: dict[bytes, int] = {}
        self.reset()

    def reset(self) -> None:
        """CONFIG RESETSTAT."""
        self.errors.clear()
        self.script_codes = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.reads = 0
        self.writes = 0
        self.error_replies = 0

    def count_error(self, text: bytes) -> None:
        """An error reply went out."""
        code = text.split(b" ", 1)[0]
        if code not in self.errors and code not in OWN_CODES:
            if self.script_codes < SCRIPT_CODES:
                self.script_codes += 1
            else:
                code = OTHER_CODES
        self.errors[code] = self.errors.get(code, 0) + 1
        self.error_replies += 1

    def uptime_seconds(self) -> int:
        """Since the start."""
        return int(time.monotonic() - self.started)

    @staticmethod
    def resident_bytes() -> int:
        """Memory of this process that is in RAM."""
        try:
            with open("/proc/self/statm", "rb") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
