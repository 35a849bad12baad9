"""Tickets: which keys to visit when.

A ticket is a key in the bucket of some millisecond; it says "visit this key then". The rules:

- A key has at most one ticket that counts, the one at its entry's `filed_ms`; that time is never later than the
  key's deadline, nor than the first one of its elements.
- A visit before the deadline files the key again. So a later deadline needs no new ticket (renewing a session is one
  store), and a deadline far away waits in a coarse bucket and moves to its own millisecond when it is near: there are
  few buckets, however the deadlines are spread.
- A ticket whose key is gone or was filed elsewhere is stale: counted, skipped when its time comes, and swept out before
  stale tickets outnumber the others.

One bucket a millisecond makes the cost of a ticket a dict look-up and an append (some 60 ns), and one timer serves them
all.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

import cython

from geventcache.base.times import NEVER_MS

# (distance up to which a bucket width serves, shift that makes the width): 1 ms, 1 s, 131 s.
NEAR_MS = 8192
MIDDLE_MS = 1 << 23
MIDDLE_SHIFT = 10
FAR_SHIFT = 17
FAR_AWAY = NEVER_MS
STALE_ALLOWED = 512
SWEEP_STEP = 1000


class Deadlines:
    """The tickets of one database.

    Attributes:
        keyspace: the database that owns the keys.
        next_ms: time of the earliest bucket, FAR_AWAY when there is none.
        tickets: how many there are, stale ones included.
        stale: how many of them are known to be stale.
        on_earlier: called without arguments when `next_ms` became earlier; None when nobody waits.
    """

    def __init__(self, keyspace) -> None:
        self.keyspace = keyspace
        self.buckets: dict[int, list[bytes]] = {}
        self.heap: list[int] = []
        self.next_ms = FAR_AWAY
        self.last_ms = 0
        self.last_bucket: list[bytes] = []
        self.tickets = 0
        self.stale = 0
        self.on_earlier: Callable[[], None] | None = None

    def file(self, key, entry, due_ms, now_ms):
        """Issue a ticket for `entry`, which wants a visit at `due_ms`, under `key`; its older ticket becomes stale."""
        ahead_ms: cython.longlong = due_ms - now_ms
        if ahead_ms > NEAR_MS:
            if ahead_ms > MIDDLE_MS:
                due_ms = ((due_ms >> FAR_SHIFT) - 1) << FAR_SHIFT
            else:
                due_ms = ((due_ms >> MIDDLE_SHIFT) - 1) << MIDDLE_SHIFT
        if entry.filed_ms != 0:
            self.stale += 1
        entry.filed_ms = due_ms
        self.tickets += 1
        if due_ms == self.last_ms:  # keys set one after the other mostly share a bucket
            self.last_bucket.append(key)
            return
        time_ms = due_ms
        bucket = self.buckets.get(time_ms)
        self.last_ms = due_ms
        if bucket is not None:
            self.last_bucket = bucket
            self.last_bucket.append(key)
            return
        self.last_bucket = self.buckets[time_ms] = [key]
        heappush(self.heap, time_ms)
        if due_ms < self.next_ms:
            self.next_ms = due_ms
            if self.on_earlier is not None:
                self.on_earlier()

    def pop_due(self, now_ms):
        """The earliest bucket due at `now_ms` as (its time, its keys), or None."""
        while self.next_ms <= now_ms:
            time_ms = heappop(self.heap)
            keys = self.buckets.pop(time_ms, None)
            self.next_ms = self.heap[0] if self.heap else FAR_AWAY
            if time_ms == self.last_ms:
                self.last_ms = 0
            if keys is not None:  # a sweep leaves the times of buckets that it emptied
                self.tickets -= len(keys)
                return time_ms, keys
        return None

    def overdue(self):
        """Stale tickets are due to be swept out."""
        return self.stale > STALE_ALLOWED and self.stale * 2 > self.tickets

    def sweep(self):
        """Sweep out stale tickets, at most `SWEEP_STEP` at each step of this iterator; run it whenever `overdue`."""
        for time_ms in list(self.buckets):
            bucket = self.buckets.get(time_ms, ())
            kept = []
            seen = 0
            size = len(bucket)  # what is filed meanwhile is younger, and not for this sweep
            while seen < size:
                step = bucket[seen : min(seen + SWEEP_STEP, size)]
                seen += len(step)
                kept += self.keyspace.filed_at(step, time_ms)
                yield seen
            if self.buckets.get(time_ms) is bucket:
                self.keep(time_ms, bucket, seen, kept)
        self.heap = list(self.buckets)
        heapify(self.heap)
        self.next_ms = self.heap[0] if self.heap else FAR_AWAY

    def keep(self, time_ms, bucket, seen, kept):
        """Put `kept` in the place of the first `seen` tickets of a bucket."""
        bucket[:seen] = kept
        self.stale = max(0, self.stale - (seen - len(kept)))
        self.tickets -= seen - len(kept)
        if not bucket:
            del self.buckets[time_ms]
            self.last_ms = 0
