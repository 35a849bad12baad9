"""Consumer groups of a stream: who was given which entry, and has not acknowledged it yet.

A pending entry is one `Pending` object that stands in two lists, its group's and its consumer's. The lists are ordered
by ID. Groups know nothing of the stream's entries; what needs both is a method of `Stream`. Times are milliseconds
since the epoch.
"""

from bisect import bisect_left

import cython

from geventcache.types.stream_ids import EntryId

UNKNOWN = -1
NEVER = -1


class Pending:
    """An entry that was delivered and not acknowledged.

    Attributes:
        entry_id: the entry's ID; the entry itself may have been deleted since.
        consumer: who has it.
        delivery_time_ms: when it was last delivered.
        delivery_count: how many times it was delivered.
    """

    def __init__(
        self,
        entry_id: EntryId,
        consumer: "Consumer",
        delivery_time_ms: cython.longlong,
        delivery_count: cython.longlong,
    ) -> None:
        self.entry_id = entry_id
        self.consumer = consumer
        self.delivery_time_ms = delivery_time_ms
        self.delivery_count = delivery_count

    def copy(self) -> "Pending":
        """The same in an object of its own."""
        return Pending(self.entry_id, self.consumer, self.delivery_time_ms, self.delivery_count)


class PendingList:
    """Pending entries by ID, in order.

    `order` has the IDs sorted, with those that were removed still among them: dead IDs are dropped at the end, skipped
    at the beginning and swept out when they outnumber the living, so that adding at the end and removing anywhere take
    constant time on average.

    Attributes:
        kept: while somebody watches, the entries that have changed since as they were before, None for those that were
            not there; else None.
    """

    def __init__(self) -> None:
        self.by_id: dict[EntryId, Pending] = {}
        self.order: list[EntryId] = []
        self.head = 0
        self.kept: dict[EntryId, Pending | None] | None = None

    def __len__(self) -> int:
        return len(self.by_id)

    def get(self, entry_id: EntryId) -> "Pending | None":
        """The pending entry of an ID, or None."""
        return self.by_id.get(entry_id)

    def add(self, pending: Pending) -> None:
        """Put in a pending entry whose ID is not in the list."""
        entry_id = pending.entry_id
        if self.kept is not None:
            self.keep(entry_id)
        order = self.order
        if not order or entry_id > order[len(order) - 1]:
            order.append(entry_id)
        else:
            at: cython.Py_ssize_t = bisect_left(order, entry_id)
            if order[at] != entry_id:
                order.insert(at, entry_id)
            if at < self.head:
                self.head = at
        self.by_id[entry_id] = pending  # without memory for this a dead ID stays

    def remove(self, entry_id: EntryId) -> None:
        """Take out an ID that is in the list."""
        if self.kept is not None:
            self.keep(entry_id)
        by_id = self.by_id
        order = self.order
        del by_id[entry_id]
        try:
            while order and order[len(order) - 1] not in by_id:
                order.pop()
            if len(order) > 2 * len(by_id) + 16:
                self.sweep()
        except MemoryError:
            pass  # with the next one
        self.head = min(self.head, len(self.order))
        while self.head < len(self.order) and self.order[self.head] not in by_id:
            self.head += 1

    def watch(self) -> list[EntryId]:
        """Keep what changes from now on; return the IDs in order, some of which may be of no entry."""
        order: list[EntryId] = self.order[self.head : len(self.order)]
        self.kept = {}
        return order

    def unwatch(self) -> None:
        """Keep nothing any more."""
        self.kept = None

    def keep(self, entry_id: EntryId) -> None:
        """Whoever watches has to know how an entry was, which is about to change."""
        if self.kept is not None and entry_id not in self.kept:
            pending = self.by_id.get(entry_id)
            self.kept[entry_id] = None if pending is None else pending.copy()

    def was(self, entry_id: EntryId) -> "Pending | None":
        """How an entry was when somebody began to watch; None if there was none."""
        if self.kept is not None and entry_id in self.kept:
            return self.kept[entry_id]
        return self.by_id.get(entry_id)

    def sweep(self) -> None:
        """Drop the dead IDs."""
        by_id = self.by_id
        self.order = [entry_id for entry_id in self.order if entry_id in by_id]
        self.head = 0

    def first(self) -> "Pending | None":
        """The pending entry of the least ID, or None."""
        while self.head < len(self.order) and self.order[self.head] not in self.by_id:
            self.head += 1
        return self.by_id[self.order[self.head]] if self.by_id else None

    def last(self) -> "Pending | None":
        """The pending entry of the greatest ID, or None."""
        at: cython.Py_ssize_t = len(self.order) - 1
        while at >= 0 and self.order[at] not in self.by_id:
            at -= 1
        return self.by_id[self.order[at]] if self.by_id else None

    def after(self, start: EntryId, limit: cython.Py_ssize_t) -> list[Pending]:
        """Up to `limit` pending entries (negative: all) whose IDs are `start` or greater, in order."""
        order = self.order
        by_id = self.by_id
        found: list[Pending] = []
        at: cython.Py_ssize_t = bisect_left(order, start, self.head)
        wanted: cython.Py_ssize_t = len(order) if limit < 0 else limit
        while at < len(order) and len(found) < wanted:
            pending = by_id.get(order[at])
            if pending is not None:
                found.append(pending)
            at += 1
        return found

    def between(
        self, start: EntryId, end: EntryId, count: cython.Py_ssize_t, not_after_ms: cython.longlong
    ) -> list[Pending]:
        """Up to `count` pending entries from ID `start` to `end`, last delivered no later than `not_after_ms`."""
        order = self.order
        by_id = self.by_id
        found: list[Pending] = []
        at: cython.Py_ssize_t = bisect_left(order, start, self.head)
        while at < len(order) and len(found) < count and order[at] <= end:
            pending = by_id.get(order[at])
            if pending is not None and pending.delivery_time_ms <= not_after_ms:
                found.append(pending)
            at += 1
        return found

    def drop_last(self, count: cython.Py_ssize_t) -> None:
        """Remove up to `count` entries from the end."""
        for _ in range(min(count, len(self.by_id))):
            last = self.last()
            if last is not None:
                self.remove(last.entry_id)


class Consumer:
    """A member of a group.

    Attributes:
        name: its name, unique in the group.
        seen_time_ms: when it last asked for anything.
        active_time_ms: when it last got an entry; NEVER before the first.
        pending: the entries it has not acknowledged.
    """

    def __init__(self, name: bytes, seen_time_ms: cython.longlong, active_time_ms: cython.longlong = NEVER) -> None:
        self.name = name
        self.seen_time_ms = seen_time_ms
        self.active_time_ms = active_time_ms
        self.pending = PendingList()


class Group:
    """A consumer group.

    Attributes:
        last_delivered_id: the greatest ID that was delivered to the group. entries_read: how many entries of the
        stream, counted from its first ever, the group has passed; UNKNOWN if nobody knows. pending: the entries that no
        consumer has acknowledged yet. consumers: the consumers by name.
    """

    def __init__(self, last_delivered_id: EntryId, entries_read: cython.longlong = UNKNOWN) -> None:
        self.last_delivered_id = last_delivered_id
        self.entries_read = entries_read
        self.pending = PendingList()
        self.consumers: dict[bytes, Consumer] = {}

    def consumer(self, name: bytes) -> "Consumer | None":
        """The consumer of a name, or None."""
        return self.consumers.get(name)

    def create_consumer(self, name: bytes, now_ms: cython.longlong) -> "Consumer | None":
        """Add a consumer, return it; None if there is one of that name."""
        if name in self.consumers:
            return None
        consumer = Consumer(name, now_ms)
        self.consumers[name] = consumer
        return consumer

    def delete_consumer(self, name: bytes) -> "int | None":
        """Remove a consumer with its pending entries; return how many those were, or None without such a consumer."""
        consumer = self.consumers.pop(name, None)
        if consumer is None:
            return None
        for entry_id in consumer.pending.by_id:
            self.pending.remove(entry_id)
        return len(consumer.pending)

    def sorted_consumers(self) -> list[Consumer]:
        """The consumers in the order of their names."""
        consumers = self.consumers
        return [consumers[name] for name in sorted(consumers)]

    def ack(self, entry_id: EntryId) -> cython.bint:
        """Forget a pending entry; False if it is not pending."""
        pending = self.pending.get(entry_id)
        if pending is None:
            return False
        pending.consumer.pending.keep(entry_id)
        self.pending.remove(entry_id)
        pending.consumer.pending.remove(entry_id)
        return True

    def assign(self, pending: Pending, consumer: Consumer) -> None:
        """Give a pending entry to a consumer, which may have it already."""
        owner = pending.consumer
        if owner is consumer:
            return
        self.pending.keep(pending.entry_id)
        owner.pending.keep(pending.entry_id)
        consumer.pending.add(pending)
        owner.pending.remove(pending.entry_id)
        pending.consumer = consumer

    def deliver(self, entry_id: EntryId, consumer: Consumer, now_ms: cython.longlong) -> None:
        """Make an entry pending for a consumer as a first delivery, whoever had it before."""
        pending = self.pending.get(entry_id)
        if pending is None:
            self.add(Pending(entry_id, consumer, now_ms, 1))
            return
        self.assign(pending, consumer)
        self.redeliver(pending, now_ms, 1)

    def redeliver(self, pending: Pending, delivery_time_ms: cython.longlong, delivery_count: cython.longlong) -> None:
        """Note when and how often a pending entry was delivered."""
        self.pending.keep(pending.entry_id)
        pending.delivery_time_ms = delivery_time_ms
        pending.delivery_count = delivery_count

    def add(self, pending: Pending) -> None:
        """Put in a pending entry, with the consumer that it names."""
        self.pending.add(pending)
        try:
            pending.consumer.pending.add(pending)
        except MemoryError:
            self.pending.remove(pending.entry_id)
            raise

    def copy(self) -> "Group":
        """An equal group that shares nothing that changes."""
        twin = Group(self.last_delivered_id, self.entries_read)
        for name, consumer in self.consumers.items():
            twin.consumers[name] = Consumer(name, consumer.seen_time_ms, consumer.active_time_ms)
        for pending in self.pending.after(0, -1):
            owner = twin.consumers[pending.consumer.name]
            twin.add(Pending(pending.entry_id, owner, pending.delivery_time_ms, pending.delivery_count))
        return twin

    def release(self, count: cython.Py_ssize_t) -> cython.bint:
        """Free about `count` pending entries, and consumers; True when nothing is left."""
        while self.consumers and count > 0:
            name, consumer = self.consumers.popitem()
            size: cython.Py_ssize_t = min(count, len(consumer.pending))
            consumer.pending.drop_last(size)
            count -= size + 1
            if len(consumer.pending) > 0:
                self.consumers[name] = consumer
        if count > 0:
            self.pending.drop_last(count)
        return len(self.consumers) + len(self.pending) == 0
