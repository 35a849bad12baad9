"""The stream against a dict of entries, and its nodes and counters against what the reference was asked."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from geventcache.types.limits import EncodingLimits
from geventcache.types.stream_groups import NEVER, UNKNOWN
from geventcache.types.stream_ids import MAX_ID, make_id
from geventcache.types.streams import Stream

ids = st.integers(0, 60)
names = st.sampled_from([b"one", b"two"])
fields = st.sampled_from([(b"a", b"1"), (b"a", b"x" * 70), (b"b", b"-5", b"a", b""), (b"a", b"1", b"b", b"2")])
counts = st.sampled_from([-1, 0, 1, 3, 10])


def small_limits() -> EncodingLimits:
    """Limits that give a stream many nodes."""
    limits = EncodingLimits()
    limits.stream_node_max_entries = 4
    return limits


def filled(*entry_ids: int) -> Stream:
    """A stream with an entry for each ID."""
    stream = Stream(EncodingLimits())
    for entry_id in entry_ids:
        assert stream.append(0, entry_id, (b"n", b"%d" % entry_id))
    return stream


class StreamMachine(RuleBasedStateMachine):
    """Every method beside the same change of dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = Stream(small_limits())
        self.entries: dict[int, tuple[bytes, ...]] = {}
        self.pending: dict[int, bytes] = {}
        self.last_id = 0
        self.added = 0
        self.delivered = 0
        self.stream.create_group(b"g", 0)

    def changes(self, is_change, act):
        """`act` moves `revision` exactly if it is a change."""
        before = self.stream.revision
        result = act()
        assert (self.stream.revision > before) is bool(is_change)
        return result

    def consumer(self, name):
        """The consumer of a name, made if need be."""
        group = self.stream.groups[b"g"]
        return group.consumer(name) or self.stream.create_consumer(group, name, 5)

    @rule(step=st.integers(0, 3), entry=fields)
    def append(self, step, entry):
        """Only a greater ID than ever before is taken."""
        entry_id = self.last_id + step
        assert self.changes(step, lambda: self.stream.append(0, entry_id, entry)) == (step > 0)
        if step:
            self.entries[entry_id] = entry
            self.last_id = entry_id
            self.added += 1

    @rule(entry_id=ids)
    def delete(self, entry_id):
        """What was there is gone."""
        is_there = self.entries.pop(entry_id, None) is not None
        assert self.changes(is_there, lambda: self.stream.delete(entry_id)) == is_there

    @rule(length=st.integers(0, 20))
    def trim_to_length(self, length):
        """The oldest go, no more than needed."""
        gone = sorted(self.entries)[: max(len(self.entries) - length, 0)]
        assert self.changes(gone, lambda: self.stream.trim_to_length(length)) == len(gone)
        for entry_id in gone:
            del self.entries[entry_id]

    @rule(min_id=ids)
    def trim_below(self, min_id):
        """Lesser IDs go, no others."""
        gone = [entry_id for entry_id in self.entries if entry_id < min_id]
        assert self.changes(gone, lambda: self.stream.trim_below(min_id)) == len(gone)
        for entry_id in gone:
            del self.entries[entry_id]

    @rule(length=st.integers(0, 20), limit=st.sampled_from([0, 3, 8]))
    def trim_roughly(self, length, limit):
        """An approximate trim removes old entries only, keeps enough, and keeps to its limit."""
        before = sorted(self.entries)
        removed = self.stream.trim_to_length(length, True, limit)
        assert removed <= max(len(before) - length, 0)
        assert not limit or removed <= limit
        for entry_id in before[:removed]:
            del self.entries[entry_id]

    @rule(start=ids, end=ids, count=counts, reverse=st.booleans())
    def range(self, start, end, count, reverse):
        """A range is what sorting and slicing gives."""
        expected = [item for item in sorted(self.entries.items(), reverse=reverse) if start <= item[0] <= end]
        assert self.stream.range(start, end, count, reverse) == (expected if count < 0 else expected[:count])

    @rule(name=names, count=counts, is_noack=st.booleans())
    def read_new(self, name, count, is_noack):
        """Entries after the last delivered one come once, and become pending."""
        expected = [item for item in sorted(self.entries.items()) if item[0] > self.delivered]
        expected = expected if count < 0 else expected[:count]
        group = self.stream.groups[b"g"]
        read = self.changes(False, lambda: self.stream.read_new(group, self.consumer(name), count, is_noack, 10))
        assert read == expected
        for entry_id, _ in expected:
            self.delivered = entry_id
            if not is_noack:
                self.pending[entry_id] = name

    @rule(delivered=ids)
    def set_group_id(self, delivered):
        """A group that goes back gets entries again, whoever has them pending."""
        self.stream.set_group_id(self.stream.groups[b"g"], delivered)
        self.delivered = delivered

    @rule(entry_id=ids)
    def ack(self, entry_id):
        """A pending entry is acknowledged once."""
        is_pending = self.pending.pop(entry_id, None) is not None
        assert self.stream.ack(self.stream.groups[b"g"], entry_id) == is_pending

    @rule(name=names, entry_id=ids, is_force=st.booleans())
    def claim(self, name, entry_id, is_force):
        """A claim moves a pending entry that exists, and forgets one that does not."""
        group = self.stream.groups[b"g"]
        claimed = self.stream.claim(group, self.consumer(name), entry_id, 0, 20, 20, is_force=is_force)
        if entry_id not in self.entries:
            self.pending.pop(entry_id, None)
            assert claimed is None
        elif entry_id in self.pending or is_force:
            self.pending[entry_id] = name
            assert claimed == self.entries[entry_id]
        else:
            assert claimed is None

    @rule(name=names, start=ids, count=st.integers(1, 4))
    def autoclaim(self, name, start, count):
        """The next pending entries are claimed or forgotten, and the cursor is the first one left."""
        group = self.stream.groups[b"g"]
        wanted = [entry_id for entry_id in sorted(self.pending) if entry_id >= start]
        cursor, claimed, gone = self.stream.autoclaim(group, self.consumer(name), start, count, 0, 30)
        seen, left = wanted[:count], wanted[count:]
        assert cursor == (left[0] if left else 0)
        assert claimed == [(entry_id, self.entries[entry_id]) for entry_id in seen if entry_id in self.entries]
        assert gone == [entry_id for entry_id in seen if entry_id not in self.entries]
        for entry_id in seen:
            if entry_id in self.entries:
                self.pending[entry_id] = name
            else:
                del self.pending[entry_id]

    @rule(name=names)
    def delete_consumer(self, name):
        """A consumer takes its pending entries along."""
        group = self.stream.groups[b"g"]
        mine = [entry_id for entry_id, owner in self.pending.items() if owner == name]
        expected = len(mine) if group.consumer(name) else None
        assert self.stream.delete_consumer(group, name) == expected
        for entry_id in mine:
            del self.pending[entry_id]

    @precondition(lambda self: self.entries)
    @rule()
    def copy_is_independent(self):
        """A copy is equal, and changes of the original do not reach it."""
        twin = self.stream.copy()
        original, self.stream = self.stream, twin
        original.trim_to_length(0)
        group = original.groups[b"g"]
        for entry_id in list(self.pending):
            original.ack(group, entry_id)
        original.destroy_group(b"g")

    @invariant()
    def agrees(self):
        """Entries, counters and pending lists are those of the model."""
        stream, group = self.stream, self.stream.groups[b"g"]
        assert len(stream) == len(self.entries)
        assert stream.range(0, MAX_ID) == sorted(self.entries.items())
        assert (stream.first_id(), stream.top_id()) == (min(self.entries, default=0), max(self.entries, default=0))
        assert (stream.last_id, stream.entries_added) == (self.last_id, self.added)
        assert all(stream.get(entry_id) == self.entries.get(entry_id) for entry_id in range(61))
        listed = [(pending.entry_id, pending.consumer.name) for pending in group.pending.after(0, -1)]
        assert listed == sorted(self.pending.items())
        assert sum(len(consumer.pending) for consumer in group.sorted_consumers()) == len(self.pending)
        for consumer in group.sorted_consumers():
            assert [pending.consumer for pending in consumer.pending.after(0, -1)] == [consumer] * len(consumer.pending)
        ends = (group.pending.first(), group.pending.last())
        assert [end and end.entry_id for end in ends] == [
            min(self.pending, default=None),
            max(self.pending, default=None),
        ]


TestStream = StreamMachine.TestCase
TestStream.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    ("value", "width", "tree", "results", "tree_left"),
    [
        (b"1", 1, (10, 22), (400, 300, 100, 167), (1, 2)),
        (b"1", 2, (10, 22), (400, 300, 100, 167), (1, 2)),
        (b"v" * 30, 1, (10, 22), (400, 300, 100, 167), (1, 2)),
        (b"v" * 30, 2, (18, 38), (448, 224, 112, 183), (1, 2)),
        (b"1" * 8, 2, (10, 22), (400, 300, 100, 167), (1, 2)),
        (b"v" * 100, 1, (28, 59), (432, 252, 144, 139), (2, 6)),
        (b"v" * 100, 2, (53, 133), (437, 266, 133, 131), (3, 9)),
        (b"v" * 5000, 1, (1000, 2030), (450, 264, 150, 103), (33, 70)),
    ],
)
def test_nodes_as_recorded(
    value: bytes, width: int, tree: tuple[int, int], results: tuple[int, ...], tree_left: tuple[int, int]
) -> None:
    """Nodes begin where the reference's do, so approximate trimming removes as many entries."""
    stream = Stream(EncodingLimits())
    entry = tuple(item for field in range(width) for item in (b"f%d" % field, value))
    for number in range(1, 1001):
        stream.append(number * 7, 1, entry)
    assert (stream.radix_tree_keys(), stream.radix_tree_nodes()) == tree
    removed = (
        stream.trim_to_length(550, True),
        stream.trim_below(make_id(5000, 0), True),
        stream.trim_to_length(0, True, 150),
        stream.trim_to_length(33),
    )
    assert removed == results
    assert (stream.radix_tree_keys(), stream.radix_tree_nodes()) == tree_left


def test_next_ids() -> None:
    """The time, or one more than the last; a full millisecond and the end of all IDs are refused."""
    stream = Stream(EncodingLimits())
    assert (stream.next_seq(0), stream.next_seq(1)) == (1, 0)
    assert stream.append(5, 1, ())
    assert stream.next_id(6) == (6, 0)
    assert stream.next_id(4) == stream.next_id(5) == (5, 2)
    assert (stream.next_seq(5), stream.next_seq(6)) == (2, 0)
    assert stream.append(7, 2**64 - 1, ())
    assert (stream.next_id(7), stream.next_seq(7)) == ((8, 0), 0)
    assert not stream.append(7, 0, ())
    assert stream.append(2**64 - 1, 2**64 - 1, ())
    assert not stream.append(*stream.next_id(9), ())


def test_lag_is_unknown_only_behind_deletions() -> None:
    """A deletion ahead of a group hides its lag, unless the group is at an end of what is left of the stream."""
    stream = filled(1, 2, 3, 4, 5)
    stream.create_group(b"start", 0)
    stream.create_group(b"middle", 2)
    stream.create_group(b"end", 5)
    groups = [stream.groups[name] for name in (b"start", b"middle", b"end")]
    assert [stream.lag(group) for group in groups] == [5, None, 0]
    stream.set_group_id(groups[1], 2, 2)
    assert stream.lag(groups[1]) == 3
    stream.delete(4)
    assert [stream.lag(group) for group in groups] == [None, None, 0]
    stream.trim_below(5)
    assert [stream.lag(group) for group in groups] == [1, None, 0]


def test_entries_read_follows_reading() -> None:
    """It counts on while it can, is lost behind a deletion, and is found again at the end."""
    stream = filled(1, 2, 3, 4, 5)
    stream.create_group(b"g", 0)
    group = stream.groups[b"g"]
    consumer = stream.create_consumer(group, b"c", 1)
    stream.read_new(group, consumer, 1, True, 2)
    assert (group.entries_read, consumer.active_time_ms) == (1, NEVER)
    stream.delete(3)
    stream.read_new(group, consumer, 1, False, 3)
    assert (group.entries_read, consumer.active_time_ms) == (UNKNOWN, 3)
    stream.read_new(group, consumer, -1, False, 4)
    assert (group.entries_read, stream.lag(group)) == (5, 0)


def test_deliveries_are_counted() -> None:
    """Reading again and claiming count one more each, unless told otherwise; a short idle time protects an entry."""
    stream = filled(1, 2)
    stream.create_group(b"g", 0)
    group = stream.groups[b"g"]
    first, second = (stream.create_consumer(group, name, 0) for name in (b"first", b"second"))
    stream.read_new(group, first, -1, False, 10)
    stream.delete(2)
    assert stream.read_pending(group, first, 0, -1, 20) == [(1, (b"n", b"1")), (2, None)]
    assert [(entry.delivery_count, entry.delivery_time_ms) for entry in first.pending.after(0, -1)] == [
        (2, 20),
        (1, 10),
    ]
    assert stream.claim(group, second, 1, 100, 30, 30) is None
    assert stream.claim(group, second, 1, 10, 30, 25) == (b"n", b"1")
    assert stream.claim(group, second, 1, 0, 40, 40, is_justid=True) == (b"n", b"1")
    pending = group.pending.get(1)
    assert (pending.consumer, pending.delivery_count, pending.delivery_time_ms) == (second, 3, 40)
    assert stream.claim(group, second, 1, 0, 50, 50, retry_count=9) is not None
    assert pending.delivery_count == 9
    assert [entry.entry_id for entry in group.pending.between(0, MAX_ID, 10, 49)] == [2]


def test_groups_change_their_own_counter() -> None:
    """What concerns groups alone moves `side_revision`, and leaves `revision`."""
    stream = filled(1, 2)
    before = (stream.revision, stream.side_revision)
    assert stream.create_group(b"g", 0)
    assert not stream.create_group(b"g", 0)
    group = stream.groups[b"g"]
    consumer = stream.create_consumer(group, b"c", 0)
    assert stream.create_consumer(group, b"c", 0) is None
    stream.read_new(group, consumer, -1, False, 1)
    assert stream.read_new(group, consumer, -1, False, 1) == []
    assert stream.ack(group, 1)
    assert not stream.ack(group, 1)
    stream.set_ids(9, 7, 3)
    assert (stream.last_id, stream.entries_added, stream.max_deleted_id) == (9, 7, 3)
    assert stream.destroy_group(b"g")
    assert not stream.destroy_group(b"g")
    assert (stream.revision, stream.side_revision) == (before[0], before[1] + 7)


def test_release_frees_in_slices() -> None:
    """Every call frees about as much as it was asked, and the last one says so."""
    stream = filled(*range(1, 1001))
    for name in (b"g", b"h"):
        stream.create_group(name, 0)
        group = stream.groups[name]
        stream.read_new(group, stream.create_consumer(group, b"c", 0), -1, False, 1)
    calls = next(call for call in range(1, 200) if stream.release(100))
    assert 30 <= calls <= 60


def test_container_facts() -> None:
    """An empty stream stays a key, has its encoding's name, and larger ones take more memory."""
    assert Stream.keeps_empty
    assert Stream(EncodingLimits()).encoding() == b"stream"
    assert filled(*range(1, 2)).memory_usage() < filled(*range(1, 500)).memory_usage()
