"""The list against a Python list, and its encoding against what the reference was asked."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geventcache.types.limits import EncodingLimits
from geventcache.types.listpack import entry_size
from geventcache.types.lists import List
from geventcache.types.ranges import clamp

values = st.sampled_from([b"", b"a", b"b", b"c", b"12", b"-7", b"x" * 70])
some = st.lists(values, min_size=1, max_size=20)
indices = st.integers(-30, 30)


def model_range(model: list[bytes], start: int, stop: int) -> list[bytes]:
    """What an inclusive range selects, from its definition."""
    n = len(model)
    low = start + n if start < 0 else start
    high = stop + n if stop < 0 else stop
    return [value for i, value in enumerate(model) if low <= i <= high]


class ListMachine(RuleBasedStateMachine):
    """Every method beside the same change of a Python list."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = EncodingLimits()
        self.limits.list_max_listpack_size = 8
        self.list = List(self.limits)
        self.model: list[bytes] = []
        self.seen = (0, [])

    @rule(values=some, left=st.booleans())
    def push(self, values, left):
        """One by one, at either end."""
        for value in values:
            (self.list.push_left if left else self.list.push_right)(value)
            self.model.insert(0 if left else len(self.model), value)

    @rule(values=some, left=st.booleans())
    def extend(self, values, left):
        """Together, at either end."""
        if left:
            self.list.extend_left(values)
            self.model[:0] = values[::-1]
        else:
            self.list.extend_right(values)
            self.model += values

    @rule(left=st.booleans(), times=st.integers(1, 12))
    def pop(self, left, times):
        """Popping gives what was there."""
        for _ in range(times):
            expected = self.model.pop(0 if left else -1) if self.model else None
            assert (self.list.pop_left() if left else self.list.pop_right()) == expected

    @rule(left=st.booleans(), count=st.integers(0, 30))
    def pop_many(self, left, count):
        """Several together, in the order of popping."""
        ordered = self.model if left else self.model[::-1]
        popped, kept = ordered[:count], ordered[count:]
        assert self.list.pop_many(left, count) == popped
        self.model = kept if left else kept[::-1]

    @rule(index=indices, value=values)
    def set(self, index, value):
        """A value is set."""
        exists = -len(self.model) <= index < len(self.model)
        revision = self.list.revision
        assert self.list.set(index, value) is exists
        assert self.list.revision == revision + exists
        if exists:
            self.model[index] = value
            self.seen = (self.list.revision, list(self.model))

    @rule(pivot=values, value=values, before=st.booleans())
    def insert(self, pivot, value, before):
        """Next to the first pivot, if there is one."""
        found = pivot in self.model
        if found:
            self.model.insert(self.model.index(pivot) + (not before), value)
        assert self.list.insert(pivot, value, before) == (len(self.model) if found else -1)

    @rule(count=st.integers(-3, 3), value=values)
    def remove(self, count, value):
        """What is equal or named goes."""
        places = [i for i, item in enumerate(self.model) if item == value]
        gone = places[:count] if count > 0 else places[count:] if count < 0 else places
        assert self.list.remove(count, value) == len(gone)
        self.model = [item for i, item in enumerate(self.model) if i not in gone]

    @rule(start=indices, stop=indices)
    def trim(self, start, stop):
        """A range stays."""
        self.list.trim(start, stop)
        self.model = model_range(self.model, start, stop)

    @rule(values=some)
    def replace(self, values):
        """All at once."""
        self.list.replace(values)
        self.model = list(values)
        self.seen = (self.list.revision, list(self.model))

    @rule(start=indices, stop=indices)
    def read(self, start, stop):
        """Every way to read."""
        assert self.list.slice(start, stop) == model_range(self.model, start, stop)
        exists = -len(self.model) <= start < len(self.model)
        assert self.list.get(start) == (self.model[start] if exists else None)

    @rule(value=values, rank=st.integers(-3, 3).filter(bool), count=st.integers(0, 3), maxlen=st.integers(0, 25))
    def find(self, value, rank, count, maxlen):
        """Positions, by rank, count and length."""
        order = list(enumerate(self.model))[:: 1 if rank > 0 else -1][: maxlen or None]
        found = [i for i, item in order if item == value][abs(rank) - 1 :][: count or None]
        assert self.list.find(value, rank, count, maxlen) == found

    @rule()
    def pack(self):
        """The key that holds it is looked at again, and what was packed does not change with it."""
        run = self.list.pack()
        if run is not None:
            kept = bytes(bytearray(run))
            other = List.unpack(run, self.limits)
            assert other.encoding() == self.list.encoding() == b"listpack"
            other.push_left(b"other")
            other.pop_right()
            assert run == kept
            self.list = List.unpack(run, self.limits)
            self.seen = (0, list(self.model))

    @rule()
    def copy(self):
        """A copy lives on when the original changes."""
        other = self.list.copy()
        assert other.encoding() == self.list.encoding()
        other.push_right(b"other")
        self.list, other = other, self.list
        assert list(other) == self.model
        assert self.list.pop_right() == b"other"
        self.seen = (self.list.revision, list(self.model))

    @invariant()
    def same(self):
        """Contents are those of the model, and the revision moved if they did."""
        assert list(self.list) == self.list.to_list() == self.model
        assert len(self.list) == len(self.model)
        revision, model = self.seen
        assert (self.list.revision > revision) is (model != self.model)
        self.seen = (self.list.revision, list(self.model))

    @invariant()
    def sized(self):
        """The estimate covers the elements."""
        size = self.list.memory_usage()
        assert size > sum(map(len, self.model)) or len(self.model) > 16


class PackedListMachine(ListMachine):
    """The same where many elements stand in one listpack, and with longer ones."""

    def __init__(self) -> None:
        super().__init__()
        self.limits.list_max_listpack_size = -1

    @rule(count=st.sampled_from([100, 300, 600]), left=st.booleans())
    def push_many(self, count, left):
        """Many, one by one, at either end."""
        for number in range(count):
            value = b"%d" % (number * 7919)
            (self.list.push_left if left else self.list.push_right)(value)
            self.model.insert(0 if left else len(self.model), value)

    @rule(length=st.sampled_from([247, 248, 300, 2000, 5000]), left=st.booleans())
    def push_long(self, length, left):
        """A long one, at either end."""
        (self.list.push_left if left else self.list.push_right)(b"l" * length)
        self.model.insert(0 if left else len(self.model), b"l" * length)

    @rule()
    def drain(self):
        """Most of it goes, from both ends."""
        while len(self.model) > 20:
            assert (self.list.pop_left(), self.list.pop_right()) == (self.model.pop(0), self.model.pop())


TestListMachine = ListMachine.TestCase
TestPackedListMachine = PackedListMachine.TestCase
TestPackedListMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestListMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def pushes_as_listpack(value: bytes, fill: int) -> int:
    """How many pushes of `value` until the name changes."""
    limits = EncodingLimits()
    limits.list_max_listpack_size = fill
    items = List(limits)
    while items.encoding() == b"listpack":
        items.push_right(value)
    return len(items)


@pytest.mark.parametrize(
    ("value", "fill", "pushes"),
    [
        (b"a", -2, 2730),
        (b"1", -2, 4094),
        (b"-1", -2, 2729),
        (b"128", -2, 2729),
        (b"4096", -2, 2047),
        (b"-4096", -2, 2728),
        (b"-4097", -2, 2047),
        (b"32768", -2, 1638),
        (b"-32768", -2, 2046),
        (b"8388608", -2, 1365),
        (b"2147483647", -2, 1364),
        (b"2147483648", -2, 819),
        (b"9223372036854775807", -2, 818),
        (b"9223372036854775808", -2, 390),
        (b"01", -2, 2047),
        (b"-0", -2, 2047),
        (b"x" * 63, -2, 126),
        (b"x" * 64, -2, 123),
        (b"x" * 125, -2, 64),
        (b"x" * 126, -2, 63),
        (b"x" * 4096, -2, 2),
        (b"x" * 8185, -2, 2),
        (b"x" * 8186, -2, 1),
        (b"q" * 100, -1, 40),
        (b"q" * 100, -3, 160),
        (b"q" * 100, -4, 319),
        (b"q" * 100, -5, 637),
        (b"q" * 100, -7, 637),
        (b"q" * 100, 100000, 80),
        (b"a", 4, 5),
        (b"a", 0, 2),
    ],
)
def test_a_list_becomes_a_quicklist_when_the_references_does(value: bytes, fill: int, pushes: int) -> None:
    """The push that changes the name is the same, for every kind of entry and every limit."""
    assert pushes_as_listpack(value, fill) == pushes


def test_values_pushed_together_count_without_their_overhead() -> None:
    """A command that pushes many small values stays below the limit longer."""
    for count, encoding in ((8185, b"listpack"), (8186, b"quicklist")):
        items = List(EncodingLimits())
        items.extend_right([b"a"] * count)
        assert items.encoding() == encoding


def test_a_list_that_shrinks_below_half_the_limit_is_a_listpack_again() -> None:
    """The name comes back at half the limit, not at the limit."""
    items = List(EncodingLimits())
    items.extend_right([b"a" * 80] * 200)
    lengths = []
    while items.encoding() == b"quicklist":
        items.pop_right()
        lengths.append(len(items))
    assert lengths[-1] == 49


def test_an_emptied_list_weighs_what_a_new_one_does() -> None:
    """The running total follows every way to remove elements."""
    items = List(EncodingLimits())
    for change in (lambda: items.trim(1, 0), lambda: items.remove(0, b"v" * 50), lambda: items.pop_many(True, 99)):
        items.extend_left([b"v" * 50] * 99)
        change()
        assert len(items) == 0
    items.push_right(b"x" * 8185)
    assert items.encoding() == b"listpack"


def test_a_queue_keeps_its_memory() -> None:
    """Slots at the front are used again or given back."""
    items = List(EncodingLimits())
    for value in range(2000):
        items.push_right(b"%d" % value)
        if value >= 10:
            assert items.pop_left() == b"%d" % (value - 10)
    assert items.memory_usage() < 3000


def test_changes_that_add_nothing_still_make_room() -> None:
    """A value that replaces another, or finds no pivot, counts against the limit as if it were added."""
    for change in (lambda items: items.set(0, b"x"), lambda items: items.insert(b"none", b"x", True)):
        limits = EncodingLimits()
        limits.list_max_listpack_size = 5
        items = List(limits)
        items.extend_right([b"a"] * 5)
        assert items.encoding() == b"listpack"
        change(items)
        assert items.encoding() == b"quicklist"


def test_extreme_counts() -> None:
    """The ends of the range of integers mean what they say."""
    items = List(EncodingLimits())
    items.extend_right([b"a", b"b", b"a"])
    assert items.remove(-(2**63), b"a") == 2
    assert items.slice(-(2**63), 2**63 - 1) == [b"b"]
    assert items.get(-(2**63)) is None
    assert items.pop_many(False, 2**63 - 1) == [b"b"]


def test_release_frees_in_slices() -> None:
    """Each slice takes its count from what is left, or a node, and the last one says so."""
    limits = EncodingLimits()
    limits.list_max_listpack_size = 4
    items = List(limits)
    items.extend_right([b"v"] * 31)
    assert [items.release(10), items.release(10), items.release(10)] == [False, False, True]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, -1, (0, 5)),
        (-100, 100, (0, 5)),
        (2, 1, (0, 0)),
        (5, 9, (0, 0)),
        (-2, -1, (3, 5)),
        (0, -6, (0, 0)),
        (4, 4, (4, 5)),
    ],
)
def test_clamp(start: int, stop: int, expected: tuple[int, int]) -> None:
    """Inclusive ranges with negative indices become half-open ones within the sequence."""
    assert clamp(start, stop, 5) == expected


def test_entries_of_every_length_class() -> None:
    """An entry is its payload, its header, and its length in as many bytes as that needs."""
    assert [entry_size(b"x" * n) for n in (0, 63, 64, 126, 4095, 4096, 16400)] == [2, 65, 67, 130, 4099, 4103, 16408]
