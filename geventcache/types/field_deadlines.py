# cython: boundscheck=False, wraparound=False
"""The deadlines of a hash's fields, and which of them comes first.

`times` is the truth; `buckets` holds the fields of each millisecond and `heap` those milliseconds. A field whose
deadline was changed or dropped stays in its old bucket, where it is told by `times`, until that comes up or until
such tickets outnumber the fields.
"""

from heapq import heappop, heappush

import cython

from geventcache.base.times import NEVER_MS

FAR_AWAY = NEVER_MS
GARBAGE_ALLOWED = 16


class FieldDeadlines:
    """Deadlines in milliseconds since the epoch, by field.

    Attributes:
        times: the deadlines by field; to be read only.
    """

    def __init__(self) -> None:
        self.times: dict[bytes, int] = {}
        self.buckets: dict[int, list[bytes]] = {}
        self.heap: list[int] = []
        self.tickets = 0

    def set(self, field: bytes, deadline_ms: cython.longlong) -> None:
        """Give `field` a deadline, in place of one that it has."""
        time_ms = deadline_ms
        if self.times.get(field) == time_ms:
            return
        self.times[field] = time_ms
        self.file(field, time_ms)
        self.limit_garbage()

    def file(self, field: bytes, deadline_ms) -> None:  # type: ignore[no-untyped-def]
        """Issue a ticket: put `field` into the bucket of its deadline."""
        self.tickets += 1
        bucket = self.buckets.get(deadline_ms)
        if bucket is not None:
            bucket.append(field)
            return
        self.buckets[deadline_ms] = [field]
        heappush(self.heap, deadline_ms)

    def drop(self, field: bytes) -> None:
        """Forget the deadline that `field` has."""
        del self.times[field]
        self.limit_garbage()

    def limit_garbage(self) -> None:
        """Issue all tickets anew when stale ones outnumber the others."""
        if self.tickets > 2 * len(self.times) + GARBAGE_ALLOWED:
            self.rebuild()

    def rebuild(self) -> None:
        """Issue all tickets anew."""
        self.buckets = {}
        self.heap = []
        self.tickets = 0
        for field, deadline_ms in self.times.items():
            self.file(field, deadline_ms)

    def is_due(self, field: bytes, now_ms: cython.longlong) -> cython.bint:
        """`field` has a deadline that has passed at `now_ms`."""
        deadline_ms = self.times.get(field)
        return deadline_ms is not None and deadline_ms <= now_ms

    def next_ms(self) -> cython.longlong:
        """The earliest deadline, `FAR_AWAY` when there is none."""
        while self.heap:
            deadline_ms = self.heap[0]
            bucket: list[bytes] = self.buckets[deadline_ms]
            while bucket:
                if self.times.get(bucket[len(bucket) - 1]) == deadline_ms:
                    return deadline_ms
                bucket.pop()
                self.tickets -= 1
            del self.buckets[deadline_ms]
            heappop(self.heap)
        return FAR_AWAY

    def pop_due(self, now_ms: cython.longlong, most: cython.Py_ssize_t) -> list[bytes]:
        """Forget up to `most` deadlines that have passed at `now_ms`, and return their fields in order of time."""
        due: list[bytes] = []
        while len(due) < most and self.next_ms() <= now_ms:
            deadline_ms = self.heap[0]
            bucket: list[bytes] = self.buckets[deadline_ms]
            rest: cython.Py_ssize_t = max(0, len(bucket) - (most - len(due)))  # from the end: a large bucket stays put
            tickets: list[bytes] = bucket[rest : len(bucket)]
            del bucket[rest : len(bucket)]
            self.tickets -= len(tickets)
            for field in tickets:
                if self.times.get(field) == deadline_ms:
                    del self.times[field]
                    due.append(field)
        return due

    def release(self, count: cython.Py_ssize_t) -> cython.bint:
        """Free up to `count` deadlines, which nobody asks for any more; True when none is left."""
        for _ in range(min(count, len(self.times))):
            self.times.popitem()
        for _ in range(min(count, len(self.buckets))):
            self.buckets.popitem()
        del self.heap[max(0, len(self.heap) - count) : len(self.heap)]
        return not self.times and not self.buckets and not self.heap

    def copy(self) -> "FieldDeadlines":
        """The same deadlines in an index of their own."""
        other = FieldDeadlines()
        other.times = dict(self.times)
        other.rebuild()
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the index, without the fields."""
        return (
            self.times.__sizeof__()
            + self.buckets.__sizeof__()
            + 32 * len(self.times)
            + 8 * (self.tickets + len(self.heap))
        )
