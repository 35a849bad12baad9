# cython: boundscheck=False, wraparound=False, cdivision=True
"""Streams: entries in the order of their IDs, and the consumer groups that read them.

Two counters tell changes apart, as the reference does: `revision` grows when entries are added or removed,
`side_revision` when only groups, consumers, pending entries or the numbers kept beside the entries change. Watchers
see the first alone.

IDs are integers (see `stream_ids`), times are milliseconds since the epoch, an entry is a tuple of fields and values in
turn.
"""

from typing import Any

import cython

from geventcache.types.container import Container
from geventcache.types.limits import EncodingLimits
from geventcache.types.stream_groups import UNKNOWN, Consumer, Group, Pending
from geventcache.types.stream_ids import MAX_HALF, MAX_ID, SEQ_BITS, EntryId, Fields, format_halves, make_id
from geventcache.types.stream_nodes import Node

MAX_NODE_BYTES = 1 << 30
ATTEMPTS_PER_CLAIM = 10
ID_BYTES = 16
SAMPLED_NODES = 5
STREAM_BYTES = 400
NODE_BYTES = 400
PENDING_BYTES = 300

Entry = tuple[EntryId, Fields]
Depths = list[int]


class Stream(Container):
    """Entries by ID, with consumer groups.

    Attributes:
        last_ms, last_seq: the halves of `last_id`.
        max_deleted_id: the greatest ID that was deleted one by one (trimming does not count).
        entries_added: how many entries were ever added.
        groups: the consumer groups by name.
    """

    keeps_empty = True
    type_name = b"stream"

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.limits = limits
        self.nodes: list[Node] = []
        self.length = 0
        self.last_ms = 0
        self.last_seq = 0
        self.max_deleted_id: EntryId = 0
        self.entries_added = 0
        self.groups: dict[bytes, Group] = {}

    def __len__(self) -> int:
        return self.length

    @property
    def last_id(self) -> EntryId:
        """The greatest ID ever added, or set; a new entry must be greater."""
        return make_id(self.last_ms, self.last_seq)

    # Entries

    def first_id(self) -> EntryId:
        """The ID of the first entry; 0 when there is none."""
        if not self.nodes:
            return 0
        node: Node = self.nodes[0]
        ms, seq = node.read_id(0)
        return make_id(ms, seq)

    def top_id(self) -> EntryId:
        """The ID of the last entry; 0 when there is none."""
        if not self.nodes:
            return 0
        node: Node = self.nodes[len(self.nodes) - 1]
        ms, seq = node.read_id(len(node) - 1)
        return make_id(ms, seq)

    def next_id(self, now_ms: cython.ulonglong) -> tuple[int, int]:
        """The halves of the ID of an entry added now: the time, or one more than the last ID where that is greater.

        After the last ID of all, the last ID itself.
        """
        if now_ms > self.last_ms:
            return now_ms, 0
        if self.last_seq < MAX_HALF:
            return self.last_ms, self.last_seq + 1
        if self.last_ms < MAX_HALF:
            return self.last_ms + 1, 0
        return self.last_ms, self.last_seq

    def next_seq(self, ms: cython.ulonglong) -> cython.ulonglong:
        """The second half of the least ID with the given first half that may be added; 0 also when there is none."""
        return self.last_seq + 1 if ms == self.last_ms and self.last_seq < MAX_HALF else 0

    def append(self, ms: cython.ulonglong, seq: cython.ulonglong, fields: Fields) -> cython.bint:
        """Add an entry; False (and no change) unless the ID of these halves is greater than `last_id`."""
        if ms < self.last_ms or (ms == self.last_ms and seq <= self.last_seq):
            return False
        size: cython.Py_ssize_t = 0
        item: bytes
        for item in fields:
            size += len(item)
        if self.has_room(size):
            self.own(len(self.nodes) - 1).append(ms, seq, fields)
        else:
            node = Node(ms, seq, tuple(fields[::2]))
            node.append(ms, seq, fields)
            self.nodes.append(node)
        self.length += 1
        self.entries_added += 1
        self.last_ms = ms
        self.last_seq = seq
        self.revision += 1
        return True

    def add_node(self, node: Node) -> None:
        """Add a node behind the others, whose entries are known already: `set_ids` must follow."""
        self.nodes.append(node)
        self.length += len(node)
        self.revision += 1

    def has_room(self, size: cython.Py_ssize_t) -> cython.bint:
        """Does the next entry, of that size, go into the last node, and not into a new one?"""
        max_bytes: cython.Py_ssize_t = self.limits.stream_node_max_bytes
        if max_bytes == 0 or max_bytes > MAX_NODE_BYTES:
            max_bytes = MAX_NODE_BYTES
        if not self.nodes:
            return False
        node: Node = self.nodes[len(self.nodes) - 1]
        return node.has_room(size, max_bytes, self.limits.stream_node_max_entries)

    def own(self, place: cython.Py_ssize_t) -> Node:
        """The node at a place, to be changed: no copy of the stream has it."""
        node: Node = self.nodes[place]
        if node.is_shared:
            node = self.nodes[place] = node.copy()
        return node

    def place_of(self, ms: cython.ulonglong, seq: cython.ulonglong) -> cython.Py_ssize_t:
        """The place of the last node that begins at that ID or before, -1 if none does."""
        node: Node
        low: cython.Py_ssize_t = 0
        high: cython.Py_ssize_t = len(self.nodes)
        middle: cython.Py_ssize_t
        while low < high:
            middle = (low + high) >> 1
            node = self.nodes[middle]
            if node.base_ms < ms or (node.base_ms == ms and node.base_seq <= seq):
                low = middle + 1
            else:
                high = middle
        return low - 1

    def find(self, entry_id: EntryId) -> tuple[int, int]:
        """The places of the node that has an ID, and of the entry in it; -1 twice if there is none."""
        ms: cython.ulonglong = entry_id >> SEQ_BITS
        seq: cython.ulonglong = entry_id & MAX_HALF
        place: cython.Py_ssize_t = self.place_of(ms, seq)
        if place < 0:
            return -1, -1
        node: Node = self.nodes[place]
        at: cython.Py_ssize_t = node.position(ms, seq, False)
        if at == len(node) or node.read_id(at) != (ms, seq):
            return -1, -1
        return place, at

    def get(self, entry_id: EntryId) -> "Fields | None":
        """The fields and values of an entry, or None."""
        place, at = self.find(entry_id)
        if place < 0:
            return None
        node: Node = self.nodes[place]
        return node.fields_at(at)

    def delete(self, entry_id: EntryId) -> cython.bint:
        """Delete an entry; False if there is none of that ID."""
        place, at = self.find(entry_id)
        if place < 0:
            return False
        node: Node = self.own(place)
        if len(node) == 1:
            del self.nodes[place : place + 1]  # all of it or, without memory, nothing
        else:
            node.drop(at, at + 1)
        self.length -= 1
        if entry_id > self.max_deleted_id:
            self.max_deleted_id = entry_id
        self.revision += 1
        return True

    def range(
        self,
        start: EntryId,
        end: EntryId,
        count: cython.Py_ssize_t = -1,
        reverse: cython.bint = False,
        is_text: cython.bint = False,
    ) -> list[Any]:
        """The entries from ID start to ID end, both included, as (ID, fields and values); a negative `count` is none.

        `reverse` gives the last ones first; start is the lesser ID all the same. With `is_text` IDs are as clients see
        them, which spares making the numbers.
        """
        nodes = self.nodes
        found: list[Any] = []
        wanted: cython.Py_ssize_t = self.length if count < 0 else count
        if start > end:
            return found
        first: cython.Py_ssize_t = max(self.place_of(start >> SEQ_BITS, start & MAX_HALF), 0)
        last: cython.Py_ssize_t = self.place_of(end >> SEQ_BITS, end & MAX_HALF)
        step: cython.Py_ssize_t = -1 if reverse else 1
        place: cython.Py_ssize_t = last if reverse else first
        while first <= place <= last and len(found) < wanted:
            self.collect(nodes[place], start, end, wanted - len(found), reverse, is_text, found)
            place += step
        return found

    def collect(
        self,
        node: Node,
        start: EntryId,
        end: EntryId,
        wanted: cython.Py_ssize_t,
        reverse: cython.bint,
        is_text: cython.bint,
        found: list[Any],
    ) -> None:
        """Append to `found` what one node has of a range."""
        low: cython.Py_ssize_t = node.position(start >> SEQ_BITS, start & MAX_HALF, False)
        high: cython.Py_ssize_t = node.position(end >> SEQ_BITS, end & MAX_HALF, True)
        size: cython.Py_ssize_t = max(min(wanted, high - low), 0)
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t
        ms: cython.ulonglong
        seq: cython.ulonglong
        for i in range(size):
            at = high - 1 - i if reverse else low + i
            ms, seq = node.read_id(at)
            entry_id = format_halves(ms, seq) if is_text else make_id(ms, seq)
            found.append((entry_id, node.read_fields()))

    def trim_to_length(
        self, max_length: cython.longlong, is_approximate: cython.bint = False, limit: cython.longlong = 0
    ) -> cython.Py_ssize_t:
        """Remove the oldest entries beyond `max_length`; return how many went.

        An approximate trim removes whole nodes only, and stops before the node that would exceed `limit` entries (0:
        none).
        """
        nodes = self.nodes
        place: cython.Py_ssize_t = 0
        removed: cython.Py_ssize_t = 0
        within: cython.Py_ssize_t = 0
        size: cython.Py_ssize_t
        excess: cython.Py_ssize_t = self.length - min(max_length, self.length)
        while removed < excess:
            node: Node = nodes[place]
            size = len(node)
            if limit and removed + size > limit:
                break
            if removed + size > excess:
                if not is_approximate:
                    within = excess - removed
                break
            removed += size
            place += 1
        return self.finish_trim(place, removed, within)

    def trim_below(
        self, min_id: EntryId, is_approximate: cython.bint = False, limit: cython.longlong = 0
    ) -> cython.Py_ssize_t:
        """Remove the entries whose IDs are less than `min_id`; the rest as in `trim_to_length`."""
        nodes = self.nodes
        place: cython.Py_ssize_t = 0
        removed: cython.Py_ssize_t = 0
        within: cython.Py_ssize_t = 0
        while place < len(nodes):
            node: Node = nodes[place]
            if limit and removed + len(node) > limit:
                break
            if is_approximate and make_id(node.tail_ms, node.tail_seq) >= min_id:
                break
            at: cython.Py_ssize_t = node.position(min_id >> SEQ_BITS, min_id & MAX_HALF, False)
            if at < len(node):
                within = at
                break
            removed += at
            place += 1
        return self.finish_trim(place, removed, within)

    def finish_trim(
        self, nodes: cython.Py_ssize_t, removed: cython.Py_ssize_t, within: cython.Py_ssize_t
    ) -> cython.Py_ssize_t:
        """Drop the first nodes, of so many entries, and the first entries within the next; return how many went."""
        removed += within
        if removed:
            node: Node = self.own(nodes) if within else None  # type: ignore[assignment]
            starts = node.starts[within:] if within else None
            del self.nodes[:nodes]
            if starts is not None:
                node.starts = starts
                node.deleted += within
            self.length -= removed
            self.revision += 1
        return removed

    def set_ids(self, last_id: EntryId, entries_added: cython.longlong = -1, max_deleted_id: EntryId = 0) -> None:
        """Set the numbers beside the entries; a negative `entries_added` and a zero `max_deleted_id` change nothing."""
        self.last_ms = last_id >> SEQ_BITS
        self.last_seq = last_id & MAX_HALF
        if entries_added >= 0:
            self.entries_added = entries_added
        if max_deleted_id > 0:
            self.max_deleted_id = max_deleted_id
        self.side_revision += 1

    # Groups

    def create_group(
        self, name: bytes, last_delivered_id: EntryId, entries_read: cython.longlong = UNKNOWN
    ) -> cython.bint:
        """Add a consumer group; False if there is one of that name."""
        if name in self.groups:
            return False
        self.groups[name] = Group(last_delivered_id, entries_read)
        self.side_revision += 1
        return True

    def destroy_group(self, name: bytes) -> cython.bint:
        """Remove a consumer group; False if there is none of that name."""
        if self.groups.pop(name, None) is None:
            return False
        self.side_revision += 1
        return True

    def set_group_id(self, group: Group, last_delivered_id: EntryId, entries_read: cython.longlong = UNKNOWN) -> None:
        """Move a group to another place of the stream."""
        group.last_delivered_id = last_delivered_id
        group.entries_read = entries_read
        self.side_revision += 1

    def advance_group(self, group: Group, last_delivered_id: EntryId) -> cython.bint:
        """Move a group on to a place of the stream; False if it is there or beyond."""
        if last_delivered_id <= group.last_delivered_id:
            return False
        group.last_delivered_id = last_delivered_id
        self.side_revision += 1
        return True

    def sorted_groups(self) -> list[tuple[bytes, Group]]:
        """The groups with their names, in the order of those."""
        return sorted(self.groups.items())

    def create_consumer(self, group: Group, name: bytes, now_ms: cython.longlong) -> "Consumer | None":
        """Add a consumer to a group, return it; None if there is one of that name."""
        consumer = group.create_consumer(name, now_ms)
        if consumer is not None:
            self.side_revision += 1
        return consumer

    def delete_consumer(self, group: Group, name: bytes) -> "int | None":
        """Remove a consumer; return how many entries it had pending, or None without such a consumer."""
        pending = group.delete_consumer(name)
        if pending is not None:
            self.side_revision += 1
        return pending

    def ack(self, group: Group, entry_id: EntryId) -> cython.bint:
        """Acknowledge an entry; False if it is not pending in the group."""
        if not group.ack(entry_id):
            return False
        self.side_revision += 1
        return True

    def read_new(
        self,
        group: Group,
        consumer: Consumer,
        count: cython.Py_ssize_t,
        is_noack: cython.bint,
        now_ms: cython.longlong,
    ) -> list[Entry]:
        """Deliver to a consumer up to `count` entries (negative: all) that its group has not seen; return them.

        They become pending unless `is_noack`, which does not count as activity of the consumer either.
        """
        if group.last_delivered_id >= self.last_id:
            return []
        found = self.range(group.last_delivered_id + 1, MAX_ID, count)
        entries_read: cython.longlong
        for entry in found:
            entry_id = entry[0]
            entries_read = self.count_read(group, entry_id)
            if not is_noack:
                group.deliver(entry_id, consumer, now_ms)
                consumer.active_time_ms = now_ms
            group.entries_read = entries_read
            group.last_delivered_id = entry_id
            self.side_revision += 1
        return found

    def count_read(self, group: Group, entry_id: EntryId) -> cython.longlong:
        """What a group's entries_read becomes when it passes on to an entry."""
        last_id = group.last_delivered_id
        if group.entries_read == UNKNOWN or last_id < self.first_id() or self.has_deleted_from(last_id):
            return self.distance_from_start(entry_id)
        return group.entries_read + 1

    def read_pending(
        self, group: Group, consumer: Consumer, after_id: EntryId, count: cython.Py_ssize_t, now_ms: cython.longlong
    ) -> "list[tuple[EntryId, Fields | None]]":
        """Up to `count` (negative: all) of a consumer's pending entries after an ID; those that are deleted have None.

        Each that is still there counts as delivered once more.
        """
        found: list[tuple[EntryId, Fields | None]] = []
        for pending in consumer.pending.after(after_id + 1, count):
            fields = self.get(pending.entry_id)
            if fields is not None:
                group.redeliver(pending, now_ms, pending.delivery_count + 1)
            found.append((pending.entry_id, fields))
        if found:
            self.side_revision += 1
        return found

    def claim(
        self,
        group: Group,
        consumer: Consumer,
        entry_id: EntryId,
        min_idle_ms: cython.longlong,
        now_ms: cython.longlong,
        delivery_time_ms: cython.longlong,
        retry_count: cython.longlong = -1,
        is_justid: cython.bint = False,
        is_force: cython.bint = False,
    ) -> "Fields | None":
        """Give a pending entry to a consumer; return its fields and values, None if it was not to be had.

        Arguments:
            min_idle_ms: an entry delivered more recently than that stays where it is.
            delivery_time_ms: when it counts as delivered.
            retry_count: the delivery count to set; negative to count one more, or none with `is_justid`.
            is_force: take an entry that is not pending as well.

        A pending entry that was deleted from the stream is forgotten.
        """
        pending = group.pending.get(entry_id)
        fields = self.get(entry_id)
        if fields is None:
            if pending is not None:
                self.ack(group, entry_id)
            return None
        if pending is None:
            if not is_force:
                return None
            pending = Pending(entry_id, consumer, delivery_time_ms, 1)
            group.add(pending)
        elif min_idle_ms > 0 and now_ms - pending.delivery_time_ms < min_idle_ms:
            return None
        if retry_count < 0:
            retry_count = pending.delivery_count if is_justid else pending.delivery_count + 1
        group.assign(pending, consumer)
        group.redeliver(pending, delivery_time_ms, retry_count)
        consumer.active_time_ms = now_ms
        self.side_revision += 1
        return fields

    def autoclaim(
        self,
        group: Group,
        consumer: Consumer,
        start: EntryId,
        count: cython.Py_ssize_t,
        min_idle_ms: cython.longlong,
        now_ms: cython.longlong,
        is_justid: cython.bint = False,
    ) -> tuple[EntryId, list[Entry], list[EntryId]]:
        """Claim up to `count` pending entries from ID `start`, looking at ten times as many.

        Returns where to go on (0 at the end), the entries claimed, and the IDs forgotten because their entries are
        deleted.
        """
        claimed: list[Entry] = []
        gone: list[EntryId] = []
        limit: cython.Py_ssize_t = count * ATTEMPTS_PER_CLAIM
        candidates = group.pending.after(start, limit + 1)
        i: cython.Py_ssize_t = 0
        while i < len(candidates) and i < limit and len(claimed) + len(gone) < count:
            entry_id = candidates[i].entry_id
            fields = self.claim(group, consumer, entry_id, min_idle_ms, now_ms, now_ms, -1, is_justid)
            if fields is not None:
                claimed.append((entry_id, fields))
            elif group.pending.get(entry_id) is None:
                gone.append(entry_id)
            i += 1
        return (candidates[i].entry_id if i < len(candidates) else 0), claimed, gone

    # Counters

    def lag(self, group: Group) -> "int | None":
        """How many entries a group has yet to read; None when deletions made that impossible to tell."""
        if self.entries_added == 0:
            return 0
        read: cython.longlong = group.entries_read
        if read == UNKNOWN or self.has_deleted_from(group.last_delivered_id):
            read = self.distance_from_start(group.last_delivered_id)
        return None if read == UNKNOWN else self.entries_added - read

    def has_deleted_from(self, entry_id: EntryId) -> cython.bint:
        """Tell whether an entry of that ID or a greater one may have been deleted out of the middle."""
        return self.length > 0 and self.max_deleted_id > 0 and entry_id <= self.max_deleted_id

    def distance_from_start(self, entry_id: EntryId) -> cython.longlong:
        """How many entries were ever added up to an ID; UNKNOWN unless it is at or beyond one of the two ends."""
        if self.entries_added == 0:
            return 0
        if self.length == 0 and entry_id <= self.last_id:
            return self.entries_added
        if entry_id > 0 and entry_id < self.max_deleted_id:
            return UNKNOWN
        if entry_id >= self.last_id:
            return self.entries_added if entry_id == self.last_id else UNKNOWN
        first_id = self.first_id()
        if self.max_deleted_id > 0 and self.max_deleted_id >= first_id:
            return UNKNOWN
        if entry_id > first_id:
            return UNKNOWN
        return self.entries_added - self.length + (1 if entry_id == first_id else 0)

    # The container's duties

    def encoding(self) -> bytes:
        """The reference's name of the encoding."""
        return b"stream"

    def copy(self) -> "Stream":
        """An equal stream, groups included; they have nodes in common until one of them changes it."""
        twin = Stream(self.limits)
        twin.nodes = self.shared_nodes()
        twin.length = self.length
        twin.last_ms = self.last_ms
        twin.last_seq = self.last_seq
        twin.max_deleted_id = self.max_deleted_id
        twin.entries_added = self.entries_added
        twin.groups = {name: group.copy() for name, group in self.groups.items()}
        return twin

    def shared_nodes(self) -> list:  # type: ignore[type-arg]
        """The nodes, which will not be changed any more."""
        node: Node
        for node in self.nodes:
            node.is_shared = True
        return self.nodes.copy()

    def memory_usage(self) -> int:
        """About how many bytes the stream takes; looks at a few nodes."""
        total: int = STREAM_BYTES
        step = max(len(self.nodes) // SAMPLED_NODES, 1)
        sizes = [NODE_BYTES + node.memory_usage() for node in self.nodes[::step]]
        if sizes:
            total += sum(sizes) * len(self.nodes) // len(sizes)
        return total + sum([PENDING_BYTES * len(group.pending) for group in self.groups.values()])

    def release(self, count: cython.Py_ssize_t) -> cython.bint:
        """Free about `count` entries and pending entries; True when nothing is left."""
        while self.nodes and count > 0:
            count -= len(self.nodes.pop())
        while self.groups and count > 0:
            name, group = self.groups.popitem()
            held: cython.Py_ssize_t = len(group.pending) + len(group.consumers)
            if not group.release(count):
                self.groups[name] = group
            count -= held + 1
        return not self.nodes and not self.groups

    def radix_tree_keys(self) -> int:
        """How many nodes hold the entries, as the reference counts them."""
        return len(self.nodes)

    def radix_tree_nodes(self) -> int:
        """How many nodes a radix tree over the nodes' base IDs has: leaves, forks and runs of bytes."""
        total = 0
        forks: Depths = []
        left: cython.Py_ssize_t = -1
        right: cython.Py_ssize_t
        i: cython.Py_ssize_t
        bases: list[EntryId] = [node.base_id() for node in self.nodes]
        if not bases:
            return 1
        for i in range(len(bases)):
            right = common_bytes(bases[i], bases[i + 1]) if i + 1 < len(bases) else -1
            total += 2 if ID_BYTES - max(left, right) > 1 else 1
            total += close_forks(forks, right)
            if right >= 0 and (not forks or forks[len(forks) - 1] < right):
                forks.append(right)
            left = right
        return total


def common_bytes(first: EntryId, second: EntryId) -> cython.Py_ssize_t:
    """How many leading bytes two IDs have in common, as 16 bytes each."""
    return (8 * ID_BYTES - (first ^ second).bit_length()) >> 3


def close_forks(forks: Depths, depth: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Take off the forks below a depth; return how many tree nodes they and the runs above them are."""
    total: cython.Py_ssize_t = 0
    while forks and forks[len(forks) - 1] > depth:
        fork: cython.Py_ssize_t = forks.pop()
        parent: cython.Py_ssize_t = max(forks[len(forks) - 1] if forks else -1, depth)
        total += 2 if fork - parent > 1 else 1
    return total
