"""How much memory the server uses: by its account where there is one, and as the operating system sees it."""

from __future__ import annotations

import os
import resource

from geventcache.services.limits.memory_limit import MemoryLimit
from geventcache.services.observing.stats import Stats

KIBIBYTE = 1024
UNITS = "KMGTP"


class Memory:
    """The memory of this process.

    What is called used is, while there is a limit, what the account says of keys, values and clients. Without a limit
    nothing is counted, and it is what became resident since the server was made: data, buffers and fragmentation
    together, without the interpreter and the program.
    """

    def __init__(self, limit: MemoryLimit) -> None:
        self.limit = limit
        self.startup = Stats.resident_bytes()

    @property
    def is_accounted(self) -> bool:
        """Is there an account?"""
        return self.limit.total is not None

    @property
    def resident(self) -> int:
        """Bytes in RAM."""
        return Stats.resident_bytes()

    @property
    def used(self) -> int:
        """Bytes of data and clients."""
        return self.limit.used() if self.is_accounted else max(0, self.resident - self.startup)

    @property
    def peak(self) -> int:
        """The most that was used at a time."""
        if self.is_accounted:
            return max(self.used, self.limit.peak)
        return max(self.used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE - self.startup)

    @property
    def overhead(self) -> int:
        """How many of the used bytes are not keys and values, as far as that is known: tables, indexes, clients."""
        return self.limit.overhead() + self.limit.clients()

    @property
    def fragmentation(self) -> float:
        """Resident bytes over used ones, the program included in both: 1 where what is used is what is resident."""
        return self.resident / (self.startup + self.used)

    @staticmethod
    def system_total() -> int:
        """Bytes of RAM in this machine."""
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def human(size: int) -> str:
    """A number of bytes with a unit, as ``1.50M``."""
    if size < KIBIBYTE:
        return f"{size}B"
    power = min((int(size).bit_length() - 1) // 10, len(UNITS))
    return f"{size / KIBIBYTE**power:.2f}{UNITS[power - 1]}"
