# cython: boundscheck=False, wraparound=False
"""The deadlines of a hash's fields, and which of them comes first.

`times` has the deadlines; `buckets` has the fields of each millisecond: the field itself where it is alone, else a
dict, from which one can be taken without a look at the others. `heap` has those milliseconds, and some that have no
fields any more: they are passed over at its top, and all dropped at once when they outnumber the others, which takes
40 ms with a million of them. (Fields that stayed in their old buckets took 0.8 s to sweep out.)
"""

from heapq import heapify, heappop, heappush
from typing import Any

import cython

from geventcache.base.times import NEVER_MS

FAR_AWAY = NEVER_MS
GARBAGE_ALLOWED = 16
PASSED_OVER = 512


class FieldDeadlines:
    """Deadlines in milliseconds since the epoch, by field.

    Attributes:
        times: the deadlines by field; to be read only.
    """

    def __init__(self) -> None:
        self.times: dict[bytes, int] = {}
        self.buckets: dict[int, Any] = {}
        self.heap: list[int] = []

    def set(self, field: bytes, deadline_ms: cython.longlong) -> None:
        """Give `field` a deadline, in place of one that it has."""
        time_ms = deadline_ms
        old_ms = self.times.get(field)
        if old_ms == time_ms:
            return
        if old_ms is not None:
            self.unfile(field, old_ms)
        self.times[field] = time_ms
        self.file(field, time_ms)

    def file(self, field: bytes, time_ms) -> None:  # type: ignore[no-untyped-def]
        """Put `field` into the bucket of its deadline."""
        bucket = self.buckets.get(time_ms)
        if bucket is None:
            self.buckets[time_ms] = field
            heappush(self.heap, time_ms)
            if len(self.heap) > 2 * len(self.buckets) + GARBAGE_ALLOWED:
                self.sweep()
        elif type(bucket) is dict:
            bucket[field] = None
        else:
            self.buckets[time_ms] = {bucket: None, field: None}

    def unfile(self, field: bytes, time_ms) -> None:  # type: ignore[no-untyped-def]
        """Take `field` out of the bucket of its deadline."""
        bucket = self.buckets[time_ms]
        if type(bucket) is dict:
            del bucket[field]
            if bucket:
                return
        del self.buckets[time_ms]

    def drop(self, field: bytes) -> None:
        """Forget the deadline that `field` has."""
        self.unfile(field, self.times.pop(field))

    def sweep(self) -> None:
        """Drop the milliseconds that have no fields any more."""
        self.heap = list(self.buckets)
        heapify(self.heap)

    def is_due(self, field: bytes, now_ms: cython.longlong) -> cython.bint:
        """`field` has a deadline that has passed at `now_ms`."""
        deadline_ms = self.times.get(field)
        return deadline_ms is not None and deadline_ms <= now_ms

    def next_ms(self) -> cython.longlong:
        """The earliest deadline, `FAR_AWAY` when there is none."""
        passed: cython.Py_ssize_t = 0
        while self.heap and self.heap[0] not in self.buckets:
            if passed == PASSED_OVER:
                self.sweep()
                break
            heappop(self.heap)
            passed += 1
        return self.heap[0] if self.heap else FAR_AWAY

    def pop_due(self, now_ms: cython.longlong, most: cython.Py_ssize_t) -> list[bytes]:
        """Take up to `most` fields whose deadlines have passed at `now_ms`, in order of time.

        Whoever takes them has to `forget` them.
        """
        due: list[bytes] = []
        while len(due) < most and self.next_ms() <= now_ms:
            due += self.take(self.heap[0], most - len(due))
        return due

    def forget(self, fields: list[bytes]) -> None:
        """Forget the deadlines of fields that were taken."""
        for field in fields:
            del self.times[field]

    def take(self, time_ms, most: cython.Py_ssize_t) -> list[bytes]:  # type: ignore[no-untyped-def]
        """Take up to `most` fields out of a bucket, the last ones of a larger one."""
        bucket = self.buckets[time_ms]
        if type(bucket) is not dict or len(bucket) <= most:
            del self.buckets[time_ms]
            return list(bucket) if type(bucket) is dict else [bucket]
        taken: list[bytes] = [bucket.popitem()[0] for _ in range(most)]
        taken.reverse()
        return taken

    def release(self, count: cython.Py_ssize_t) -> cython.bint:
        """Free up to `count` deadlines, which nobody asks for any more; True when none is left."""
        for _ in range(min(count, len(self.times))):
            self.times.popitem()
        left: cython.Py_ssize_t = count
        while self.buckets and left > 0:
            time_ms, bucket = self.buckets.popitem()
            if type(bucket) is dict and len(bucket) > left:
                self.buckets[time_ms] = bucket
                self.take(time_ms, left)
            left -= len(bucket) if type(bucket) is dict else 1
        del self.heap[max(0, len(self.heap) - count) : len(self.heap)]
        return not self.times and not self.buckets and not self.heap

    def copy(self) -> "FieldDeadlines":
        """The same deadlines in an index of their own."""
        other = FieldDeadlines()
        other.times = dict(self.times)
        other.buckets = {time: dict(held) if type(held) is dict else held for time, held in self.buckets.items()}
        other.sweep()
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the index, without the fields."""
        times = self.times.__sizeof__() + 32 * len(self.times)
        buckets = self.buckets.__sizeof__() + 64 * (len(self.times) - len(self.buckets))
        return times + buckets + 8 * len(self.heap)
