"""The deadlines of a hash's fields, and which of them comes first.

The compiled build has this class from ``field_deadlines.pyx``, which keeps them in the records of the fields; this is
its twin on dicts, which serves uncompiled. One test-suite runs on both. The rules, for users of either:

- Only a field that is there is given a deadline. Whoever deletes one that has a deadline drops that before.
- The next time is not later than the first deadline, and may be earlier: then nothing is due when it comes.

`times` has the deadlines; `buckets` has the fields of each millisecond: the field itself where it is alone, else a
dict, from which one can be taken without a look at the others. `heap` has those milliseconds, and some that have no
fields any more: they are passed over at its top, and all dropped at once when they outnumber the others, which takes
40 ms with a million of them. (Fields that stayed in their old buckets took 0.8 s to sweep out.)
"""

from heapq import heapify, heappop, heappush
from typing import Any

from geventcache.base.times import NEVER_MS
from geventcache.types.elements import Elements

GARBAGE_ALLOWED = 16
PASSED_OVER = 512


class FieldDeadlines:
    """Deadlines in milliseconds since the epoch, by field.

    Attributes:
        count: how many fields have one.
    """

    def __init__(self, fields: Elements) -> None:
        self.times: dict[bytes, int] = {}
        self.buckets: dict[int, Any] = {}
        self.heap: list[int] = []

    @property
    def count(self) -> int:
        """How many fields have one."""
        return len(self.times)

    def set(self, field: bytes, deadline_ms: int, now_ms: int) -> None:
        """Give a field that is there a deadline, in place of one that it has."""
        old_ms = self.times.get(field)
        if old_ms == deadline_ms:
            return
        if old_ms is not None:
            self.unfile(field, old_ms)
        self.times[field] = deadline_ms
        self.file(field, deadline_ms)

    def put(self, fields: Elements, field: bytes, value: bytes, deadline_ms: int, now_ms: int) -> None:
        """Give a field, which may be new, a value and a deadline."""
        fields.put(field, value)
        self.set(field, deadline_ms, now_ms)

    def file(self, field: bytes, time_ms: int) -> None:
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

    def unfile(self, field: bytes, time_ms: int) -> None:
        """Take `field` out of the bucket of its deadline."""
        bucket = self.buckets[time_ms]
        if type(bucket) is dict:
            del bucket[field]
            if bucket:
                return
        del self.buckets[time_ms]

    def drop(self, field: bytes) -> None:
        """Forget the deadline that a field has."""
        self.unfile(field, self.times.pop(field))

    def get(self, field: bytes) -> int | None:
        """The deadline of a field; None when it has none."""
        return self.times.get(field)

    def has(self, field: bytes) -> bool:
        """Has a field a deadline?"""
        return field in self.times

    def items(self) -> list[tuple[bytes, int]]:
        """All fields that have one, with it."""
        return list(self.times.items())

    def sweep(self) -> None:
        """Drop the milliseconds that have no fields any more."""
        self.heap = list(self.buckets)
        heapify(self.heap)

    def is_due(self, field: bytes, now_ms: int) -> bool:
        """Has a field a deadline that has passed at `now_ms`?"""
        deadline_ms = self.times.get(field)
        return deadline_ms is not None and deadline_ms <= now_ms

    def has_due(self, now_ms: int) -> bool:
        """May a deadline have passed at `now_ms`?"""
        return self.next_ms() <= now_ms

    def next_ms(self) -> int:
        """A time that is not later than the first deadline; NEVER_MS when there is none."""
        passed = 0
        while self.heap and self.heap[0] not in self.buckets:
            if passed == PASSED_OVER:
                self.sweep()
                break
            heappop(self.heap)
            passed += 1
        return self.heap[0] if self.heap else NEVER_MS

    def pop_due(self, now_ms: int, most: int) -> list[bytes]:
        """Take up to `most` fields whose deadlines have passed at `now_ms`, about in the order of their deadlines.

        It may take fewer, or none, though more have passed: the next call goes on. Whoever takes them deletes them, and
        has to `forget` them then.
        """
        due: list[bytes] = []
        while len(due) < most and self.next_ms() <= now_ms:
            due += self.take(self.heap[0], most - len(due))
        return due

    def forget(self, fields: list[bytes]) -> None:
        """Forget the deadlines of fields that were taken."""
        for field in fields:
            del self.times[field]

    def take(self, time_ms: int, most: int) -> list[bytes]:
        """Take up to `most` fields out of a bucket, the last ones of a larger one."""
        bucket = self.buckets[time_ms]
        if type(bucket) is not dict or len(bucket) <= most:
            del self.buckets[time_ms]
            return list(bucket) if type(bucket) is dict else [bucket]
        taken: list[bytes] = [bucket.popitem()[0] for _ in range(most)]
        taken.reverse()
        return taken

    def release(self, count: int) -> bool:
        """Free up to `count` deadlines, which nobody asks for any more; True when none is left."""
        for _ in range(min(count, len(self.times))):
            self.times.popitem()
        left = count
        while self.buckets and left > 0:
            time_ms, bucket = self.buckets.popitem()
            if type(bucket) is dict and len(bucket) > left:
                self.buckets[time_ms] = bucket
                self.take(time_ms, left)
            left -= len(bucket) if type(bucket) is dict else 1
        del self.heap[max(0, len(self.heap) - count) : len(self.heap)]
        return not self.times and not self.buckets and not self.heap

    def copy(self, fields: Elements) -> "FieldDeadlines":
        """The same deadlines for a copy of the fields."""
        other = FieldDeadlines(fields)
        other.times = dict(self.times)
        other.buckets = {time: dict(held) if type(held) is dict else held for time, held in self.buckets.items()}
        other.sweep()
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the index, without the fields."""
        times = self.times.__sizeof__() + 32 * len(self.times)
        buckets = self.buckets.__sizeof__() + 64 * (len(self.times) - len(self.buckets))
        return times + buckets + 8 * len(self.heap)
