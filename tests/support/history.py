"""What was written and read, by whom and when, and whether the reads were allowed to see what they saw.

Each key has one writer, which writes rising numbers. A read is right if its number

- had been begun to be written before the read ended;
- was not refused;
- is not older than what the near side that answers had itself confirmed before the read began;
- is not older than what anybody had confirmed so long before the read began as news may take;
- was not lost by the cluster so long before the read began;

where a write of which nobody knows may have been carried out at any later time, and what the cluster itself has lost,
as was seen at its servers (`Watch`), is not there to be read.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from .watch import Watch


@dataclass
class Write:
    """One write; `ended_s` is when it was confirmed, None as long as it is not."""

    number: int
    side: int
    began_s: float
    ended_s: float | None = None
    is_refused: bool = False
    is_uncertain: bool = False


@dataclass
class Read:
    """One read; the number is 0 where there was no key."""

    key: str
    side: int
    began_s: float
    ended_s: float
    number: int


@dataclass
class History:
    """All of one run.

    Attributes:
        news_s: how long news of a write elsewhere may take.
        watch: what the servers had themselves.
        lost: writes that reads did not see since the cluster has lost them.
    """

    news_s: float
    watch: Watch
    writes: dict[str, list[Write]] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    lost: set[tuple[str, int]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str, side: int) -> Write:
        """A write is about to be sent."""
        with self.lock:
            writes = self.writes.setdefault(key, [])
            write = Write(len(writes) + 1, side, time.monotonic())
            writes.append(write)
        return write

    def note_read(self, key: str, side: int, began_s: float, number: int) -> None:
        """A read was answered."""
        with self.lock:
            self.reads.append(Read(key, side, began_s, time.monotonic(), number))

    def faults(self) -> list[str]:
        """What must not have been read."""
        return [fault for read in self.reads for fault in self.faults_of(read)]

    def is_gone(self, write: Write, read: Read, since_s: float) -> bool:
        """Had the cluster lost a confirmed write at that time, and up to the end of a read?

        Of a server that was killed the last writes may not be known: then nobody is known to have had one, or only who
        comes after it.
        """
        watch, key, number = self.watch, read.key, write.number
        lost = watch.has_lost(key, number, since_s) and watch.has_lost(key, number, read.ended_s)
        return lost and watch.knows(key, number)

    def faults_of(self, read: Read) -> list[str]:
        """What is wrong about one read."""
        writes = self.writes.get(read.key, [])
        write = writes[read.number - 1] if read.number else None
        if write is not None and write.is_refused:
            return [f"{read}: refused {write}"]
        if write is not None and write.began_s > read.ended_s:
            return [f"{read}: not yet written {write}"]
        if write is not None and write.is_uncertain:
            return []
        if write is not None and write.ended_s is not None:
            news_s = read.began_s - self.news_s
            if write.ended_s < news_s and self.is_gone(write, read, news_s):
                return [f"{read}: lost by the cluster {write}"]
        for one in writes[read.number :]:
            patience_s = 0.0 if one.side == read.side else self.news_s
            if one.ended_s is None or one.ended_s + patience_s >= read.began_s:
                continue
            if not self.watch.has_lost(read.key, one.number, read.ended_s):
                return [f"{read}: {read.began_s - one.ended_s:.3f} s before, {one} was confirmed"]
            self.lost.add((read.key, one.number))
        return []
