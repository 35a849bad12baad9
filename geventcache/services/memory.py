"""How much memory the server uses, as the operating system accounts for it."""

from __future__ import annotations

import os
import resource
from typing import Any

from geventcache.services.stats import Stats
from geventcache.store.entry import Entry

# A key in a dict of the keyspace: its share of the table at two thirds full.
DICT_SLOT = 42
KIBIBYTE = 1024
UNITS = "KMGTP"


class Memory:
    """The memory of this process.

    What is called used is what became resident since the server was made: data, buffers and fragmentation together,
    without the interpreter and the program.
    """

    def __init__(self) -> None:
        self.startup = Stats.resident_bytes()

    @property
    def resident(self) -> int:
        """Bytes in RAM."""
        return Stats.resident_bytes()

    @property
    def used(self) -> int:
        """Bytes since the start."""
        return max(0, self.resident - self.startup)

    @property
    def peak(self) -> int:
        """The most that was used at a time."""
        return max(self.used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE - self.startup)

    @property
    def fragmentation(self) -> float:
        """Resident bytes over accounted bytes: 1 as long as the account is made of resident bytes."""
        return self.resident / (self.startup + self.used)

    @staticmethod
    def system_total() -> int:
        """Bytes of RAM in this machine."""
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def key_usage(key: bytes, value: Any, has_deadline: bool) -> int:
    """Bytes that a key takes with its value, estimated from a few elements where there are many."""
    size = DICT_SLOT + key.__sizeof__()
    if has_deadline:
        size += Entry(value, 0).__sizeof__()
    is_string = isinstance(value, (bytes, bytearray, int))
    return size + int(value.__sizeof__() if is_string else value.memory_usage())


def human(size: int) -> str:
    """A number of bytes with a unit, as ``1.50M``."""
    if size < KIBIBYTE:
        return f"{size}B"
    power = min((int(size).bit_length() - 1) // 10, len(UNITS))
    return f"{size / KIBIBYTE**power:.2f}{UNITS[power - 1]}"
