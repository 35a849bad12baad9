"""Tickets: which keys to visit when, those of a database or the fields of one hash.

A ticket in the bucket of some millisecond says "visit this key then". It holds no key: the table knows what a ticket is
(base/table.py). The rules:

- A key has at most one ticket that counts, the one at its `filed` time in the table; that time is never later than the
  key's deadline, nor than the first one of its elements.
- A visit before the deadline files the key again. So a later deadline needs no new ticket (renewing a session is one
  store), and a deadline far away waits in a coarse bucket and moves to its own millisecond when it is near: there are
  few buckets, however the deadlines are spread.
- A ticket whose key is gone or was filed elsewhere is stale: counted, skipped when its time comes, and swept out before
  stale tickets outnumber the others.

One bucket a millisecond makes the cost of a ticket a dict look-up and an append, and one timer serves them all.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from random import choices, randrange

import cython

from geventcache.base.table import ABSENT, Table, Tickets
from geventcache.base.times import NEVER_MS

# (distance up to which a bucket width serves, shift that makes the width): 1 ms, 1 s, 131 s.
NEAR_MS = 8192
MIDDLE_MS = 1 << 23
MIDDLE_SHIFT = 10
FAR_SHIFT = 17
FAR_AWAY = NEVER_MS
STALE_ALLOWED = 512
SWEEP_STEP = 1000
TICKET_BYTES = 8
BUCKET_BYTES = 176  # the tickets' object, its time, and both in a dict and in the heap


class Deadlines:
    """The tickets of one table.

    Attributes:
        keyspace: the database that owns the keys; None for the fields of a hash.
        next_ms: time of the earliest bucket, FAR_AWAY when there is none.
        tickets: how many there are, stale ones included.
        stale: how many of them are known to be stale.
        on_earlier: called without arguments when `next_ms` becomes earlier, in a moment; None when nobody waits.
    """

    def __init__(self, keyspace) -> None:
        self.keyspace = keyspace
        self.buckets: dict[int, Tickets] = {}
        self.heap: list[int] = []
        self.next_ms = FAR_AWAY
        self.last_ms = 0
        self.last_bucket = Tickets()
        self.tickets = 0
        self.stale = 0
        self.on_earlier: Callable[[], None] | None = None

    def file(self, table, due_ms, now_ms):
        """Issue a ticket for the key at the table's place, to be visited at `due_ms`; return its bucket's time.

        That is never 0, which a table takes for no ticket.
        """
        due_ms = max(due_ms, 1)
        ahead_ms: cython.longlong = due_ms - now_ms
        if ahead_ms > NEAR_MS:
            if ahead_ms > MIDDLE_MS:
                due_ms = ((due_ms >> FAR_SHIFT) - 1) << FAR_SHIFT
            else:
                due_ms = ((due_ms >> MIDDLE_SHIFT) - 1) << MIDDLE_SHIFT
        if due_ms != self.last_ms:  # keys set one after the other mostly share a bucket
            self.last_bucket = self.bucket(due_ms)
            self.last_ms = due_ms
        self.last_bucket.add(table.ticket())
        self.tickets += 1
        return due_ms

    def bucket(self, time_ms):
        """The bucket of that time, made if there is none."""
        found = self.buckets.get(time_ms)
        if found is None:
            # Who waits looks later, and in vain if there is no memory for the rest. Then a time without a bucket stays,
            # which is none.
            if time_ms < self.next_ms and self.on_earlier is not None:
                self.on_earlier()
            found = Tickets()
            heappush(self.heap, time_ms)
            self.buckets[time_ms] = found
            self.next_ms = min(self.next_ms, time_ms)
        return found

    def pop_due(self, now_ms):
        """The earliest bucket due at `now_ms` as (its time, its tickets), or None."""
        tickets = self.first_due(now_ms)
        if tickets is None:
            return None
        due = self.next_ms, tickets  # where there is no memory for it, the bucket stays
        self.tickets -= len(tickets)
        self.drop_first()
        return due

    def first_due(self, now_ms):
        """The tickets of the earliest bucket, that of `next_ms`, if they are due at `now_ms`, else None."""
        while self.next_ms <= now_ms:
            tickets = self.buckets.get(self.heap[0])
            if tickets is not None and len(tickets):
                return tickets
            self.drop_first()  # a sweep leaves the times of buckets that it emptied
        return None

    def drop_first(self):
        """The earliest bucket is no more."""
        time_ms = heappop(self.heap)
        self.buckets.pop(time_ms, None)
        self.next_ms = self.heap[0] if self.heap else FAR_AWAY
        if time_ms == self.last_ms:
            self.last_ms = 0

    def release_last(self, tickets, count):
        """Drop the last tickets of a bucket, which were redeemed. None may be swept meanwhile."""
        tickets.release(count)
        self.tickets -= count

    def give_back(self, time_ms, tickets):
        """Put tickets back that `pop_due` returned: they are due at once."""
        self.bucket(time_ms).extend(tickets, 0)
        self.tickets += len(tickets)

    def copy(self):
        """The same tickets in an index of their own, for a table with the same keys and filed times."""
        made = Deadlines(None)
        for time_ms, tickets in self.buckets.items():
            made.give_back(time_ms, tickets)
        made.stale = self.stale
        return made

    def sample(self, table, count):
        """The deadlines of up to `count` keys of the table that are chosen at random."""
        buckets = list(self.buckets.items())
        if not buckets:
            return []
        found = []
        for time_ms, tickets in choices(buckets, weights=[len(bucket[1]) for bucket in buckets], k=count):
            if len(tickets) and table.redeem(tickets, randrange(len(tickets)), time_ms) != ABSENT:
                found.append(table.deadline())
        return [deadline_ms for deadline_ms in found if deadline_ms != NEVER_MS]

    def memory_usage(self):
        """Bytes of the tickets."""
        return BUCKET_BYTES * len(self.buckets) + TICKET_BYTES * self.tickets

    def overdue(self):
        """Stale tickets are due to be swept out."""
        return self.stale > STALE_ALLOWED and self.stale * 2 > self.tickets

    def sweep(self, table: Table):
        """Sweep out stale tickets, at most `SWEEP_STEP` at each step of this iterator; run it whenever `overdue`."""
        for time_ms in list(self.buckets):
            bucket = self.buckets.get(time_ms)
            if bucket is None:
                continue
            kept = Tickets()
            size = len(bucket)  # what is filed meanwhile is younger, and not for this sweep
            for seen in range(0, size, SWEEP_STEP):
                table.sift(bucket, seen, min(seen + SWEEP_STEP, size), time_ms, kept)
                yield seen
            if self.buckets.get(time_ms) is bucket:
                self.keep(time_ms, bucket, size, kept)
        self.heap = list(self.buckets)
        heapify(self.heap)
        self.next_ms = self.heap[0] if self.heap else FAR_AWAY

    def keep(self, time_ms, bucket, seen, kept):
        """Put `kept` in the place of the first `seen` tickets of a bucket."""
        gone: cython.Py_ssize_t = seen - len(kept)
        kept.extend(bucket, seen)
        self.stale = max(0, self.stale - gone)
        self.tickets -= gone
        self.buckets[time_ms] = kept
        if time_ms == self.last_ms:
            self.last_bucket = kept
        if not len(kept):
            del self.buckets[time_ms]
            self.last_ms = 0
