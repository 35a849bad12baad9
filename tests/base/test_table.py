"""One suite for both Tables: the one in C memory, where it is compiled, and its twin on dicts."""

from __future__ import annotations

import gc
import importlib.util
import math
import random
import struct
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from geventcache.base import table as imported
from geventcache.base.times import NEVER_MS

IS_COMPILED = not str(imported.__file__).endswith(".py")


def _load_twin() -> ModuleType:
    """The plain module, even where the import finds the compiled one."""
    path = Path(imported.__file__).with_name("table.py")
    spec = importlib.util.spec_from_file_location("table_twin", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


twin: Any = _load_twin() if IS_COMPILED else imported
IMPLEMENTATIONS = [twin, imported] if IS_COMPILED else [twin]
compiled_only = pytest.mark.skipif(not IS_COMPILED, reason="of C memory")


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: "twin" if module is twin else "compiled")
def module(request: pytest.FixtureRequest) -> Any:
    """The module of an implementation."""
    return request.param


@pytest.fixture
def table(module: Any) -> Any:
    """An empty table."""
    return module.Table()


def put(table: Any, key: bytes, value: Any) -> None:
    """Store a value."""
    table.seek(key)
    table.put(value)


def remove(table: Any, key: bytes) -> None:
    """Take a key out."""
    table.seek(key)
    table.remove()


def get(table: Any, key: bytes) -> Any:
    """The value of a key, None if there is none."""
    return table.value() if table.seek(key) else None


def walk(table: Any, count: int = 10) -> list[bytes]:
    """All keys, by pages."""
    position, found = 0, []
    while position < imported.END:
        after, keys = table.page(position, count)
        assert after > position
        position = after
        found += keys
    return found


def is_same(left: Any, right: Any) -> bool:
    """Are two values the same, down to the sign of a zero?"""
    if type(left) is float and type(right) is float:
        return struct.pack("d", left) == struct.pack("d", right)
    return type(left) is type(right) and bool(left == right)


def check(table: Any, model: dict[bytes, Any]) -> None:
    """The table holds what the model holds, and counts it."""
    assert len(table) == table.count == len(model)
    assert sorted(walk(table)) == sorted(model)
    assert sorted(table.keys(-(2**63))) == sorted(model)
    for key, value in model.items():
        assert table.seek(key)
        assert is_same(table.value(), value)
        assert table.key() == key
    sizes = sum(table.size() for key in model if table.seek(key))
    assert table.memory >= sizes
    if type(table) is not twin.Table:
        assert table.memory == table.structure + sizes


# ---------------------------------------------------------------------- values


VALUES = [
    (b"", "BYTES"),
    (b"x", "BYTES"),
    (b"\0" * 64, "BYTES"),
    (b"123", "BYTES"),
    (0, "INTEGER"),
    (-1, "INTEGER"),
    (2**63 - 1, "INTEGER"),
    (-(2**63), "INTEGER"),
    (0.0, "DOUBLE"),
    (-0.0, "DOUBLE"),
    (math.inf, "DOUBLE"),
    (-math.inf, "DOUBLE"),
    (math.nan, "DOUBLE"),
    (-math.nan, "DOUBLE"),
    (5e-324, "DOUBLE"),
    (1.7976931348623157e308, "DOUBLE"),
    (bytearray(b"x"), "OBJECT"),
    ([], "OBJECT"),
    ({"a": 1}, "OBJECT"),
    (True, "OBJECT"),
]


@pytest.mark.parametrize(("value", "kind"), VALUES, ids=lambda item: repr(item)[:20])
def test_a_value_comes_back_as_it_was(module: Any, table: Any, value: Any, kind: str) -> None:
    """Each kind of value is told and kept, with and without a deadline."""
    assert table.seek(b"key") == module.ABSENT
    table.put(value)
    for _ in range(2):
        assert is_same(table.value(), value)
        assert table.seek(b"key") == getattr(module, kind)
        assert is_same(table.value(), value)
        assert table.object() is (value if kind == "OBJECT" else None)
        assert table.objects == (kind == "OBJECT")
        table.set_times(1000, 5)


def test_text_is_told_from_bytes(module: Any, table: Any) -> None:
    """Text stays Text, and equal bytes stay bytes."""
    put(table, b"text", module.Text(b"12"))
    put(table, b"bytes", b"12")
    assert table.seek(b"text") == module.TEXT
    assert type(table.value()) is module.Text
    assert table.value() == b"12"
    assert table.seek(b"bytes") == module.BYTES
    assert type(table.value()) is bytes


@pytest.mark.parametrize("length", [1023, 1024, 1025, 65_535, 65_536, 1_000_000])
def test_long_values(module: Any, table: Any, length: int) -> None:
    """Bytes and text of any length come back; the compiled table may hold long ones as objects."""
    for value in (b"v" * length, module.Text(b"t" * length)):
        put(table, b"key", value)
        assert is_same(get(table, b"key"), value)
        assert table.objects in {0, 1}
        assert (table.seek(b"key") == module.OBJECT) == bool(table.objects)
    remove(table, b"key")
    assert table.objects == 0


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
@compiled_only
def test_integers_of_more_than_64_bits_are_refused(number: int) -> None:
    """What does not fit raises, and leaves what was before."""
    table: Any = imported.Table()
    put(table, b"key", 7)
    memory = table.memory
    with pytest.raises(OverflowError):
        table.put(number)
    assert (get(table, b"key"), table.count, table.memory) == (7, 1, memory)


@pytest.mark.parametrize("length", [0, 1, 127, 255, 256, 257, 65_535, 65_536, 1_000_000])
def test_keys_of_any_length(table: Any, length: int) -> None:
    """Empty and long keys are keys, and keys that differ in their last byte are two."""
    key, other = b"k" * length, b"k" * length + b"\0"
    put(table, key, 1)
    assert get(table, other) is None
    put(table, other, 2)
    for number in range(500):
        put(table, b"%d" % number, number)
    assert (get(table, key), get(table, other)) == (1, 2)
    table.set_times(5, 6)
    assert (table.key(), table.value()) == (other, 2)
    remove(table, key)
    assert (get(table, key), get(table, other)) == (None, 2)
    assert key not in walk(table)
    assert other in walk(table)


@compiled_only
def test_a_key_of_hundreds_of_megabytes() -> None:
    """Lengths are counted in 32 bits."""
    table: Any = imported.Table()
    key = bytes(300 << 20)
    put(table, key, b"value")
    assert table.memory > 300 << 20
    assert table.seek(key) == imported.BYTES
    assert table.seek(key[:-1]) == imported.ABSENT
    table.seek(key)
    table.remove()
    assert table.memory < 1000


@compiled_only
def test_packed_containers() -> None:
    """A packed container is a run of bytes of its own kind, up to a length."""
    table: Any = imported.Table()
    for length in (0, 1, 11, 1024, 1025, 65_535):
        value = random.randbytes(length)
        table.seek(b"key")
        table.put_packed(imported.PACKED + 3, value, length, 1)
        assert table.seek(b"key") == imported.PACKED + 3
        assert table.value() == value
        assert table.object() is None
        assert (table.deadline(), table.filed()) == (length, 1)
    for kind, value in ((imported.PACKED, bytes(65_536)), (imported.PACKED - 1, b""), (256, b"")):
        with pytest.raises(ValueError):  # noqa: PT011
            table.put_packed(kind, value, NEVER_MS, 0)
    assert table.seek(b"key") == imported.PACKED + 3
    put(table, b"key", b"plain")
    assert table.seek(b"key") == imported.BYTES


@compiled_only
def test_misuse_raises_and_does_no_harm() -> None:
    """What must not be called is refused, since it works on C memory."""
    table: Any = imported.Table()
    for call in (
        table.remove,
        lambda: table.put(1),
        lambda: table.set_times(1, 1),
        lambda: table.note_use(1),
        table.key,
    ):
        with pytest.raises(LookupError):
            call()
    table.seek(b"nothing")
    for call in (table.remove, lambda: table.set_times(1, 1), lambda: table.note_use(1)):
        with pytest.raises(LookupError):
            call()
    assert (table.value(), table.size(), table.deadline(), table.filed(), table.use()) == (None, 0, NEVER_MS, 0, 0)
    put(table, b"gone", 1)
    table.remove()
    with pytest.raises(LookupError):
        table.put(2)
    for wrong in ("text", None, 5, bytearray(b"x"), imported.Text(b"x")):
        with pytest.raises(TypeError):
            table.seek(wrong)
    with pytest.raises(IndexError):
        table.redeem(imported.Tickets(), 0, 5)
    with pytest.raises(IndexError):
        table.sift(imported.Tickets(), 0, 1, 5, imported.Tickets())
    with pytest.raises(TypeError):
        table.ahead([1])
    assert table.count == 0


# ---------------------------------------------------------------------- times, use, objects


def test_times_stay_with_the_key(table: Any) -> None:
    """A value that is replaced leaves deadline, filed time and use; a removed key takes them along."""
    table.seek(b"key")
    table.put_until(b"one", 5000, 4000)
    table.note_use(0xFFFFFFFF)
    for value in (b"two", b"a much longer value than it was before, of another size", 5, [1], b""):
        table.put(value)
        table.seek(b"key")
        assert (table.value(), table.deadline(), table.filed(), table.use()) == (value, 5000, 4000, 0xFFFFFFFF)
        assert table.volatile == 1
    table.set_times(NEVER_MS, 0)
    assert (table.deadline(), table.filed(), table.volatile, table.use()) == (NEVER_MS, 0, 0, 0xFFFFFFFF)
    table.set_times(NEVER_MS, 4000)
    assert (table.filed(), table.volatile) == (4000, 0)
    table.set_times(-5, 0)
    assert (table.deadline(), table.filed(), table.volatile) == (-5, 0, 1)
    table.remove()
    assert table.volatile == 0
    put(table, b"key", b"new")
    assert (table.deadline(), table.filed(), table.use()) == (NEVER_MS, 0, 0)


def test_what_is_due_is_told_from_what_is_there(module: Any, table: Any) -> None:
    """At its deadline a key is due; either way it is the place."""
    assert table.seek_at(b"key", 0) == module.ABSENT
    put(table, b"key", b"value")
    assert table.seek_at(b"key", NEVER_MS - 1) == module.BYTES
    table.set_times(5000, 0)
    for now_ms, kind in ((4999, module.BYTES), (5000, module.DUE), (5001, module.DUE)):
        table.seek(b"other")
        assert table.seek_at(b"key", now_ms) == kind
        assert (table.key(), table.value()) == (b"key", b"value")


def test_keys_are_filtered_by_their_deadlines(table: Any) -> None:
    """`keys` leaves out what is due."""
    for number in range(1000):
        table.seek(b"%d" % number)
        table.put_until(number, number if number % 3 else NEVER_MS, 0)
    assert sorted(table.keys(500)) == sorted(b"%d" % n for n in range(1000) if n % 3 == 0 or n > 500)


def test_objects_are_referred_to_once(table: Any) -> None:
    """The table holds one reference of each object, and lets go what it no longer holds."""
    objects = [object() for _ in range(3)]
    before = [sys.getrefcount(held) for held in objects]
    for number in range(600):
        put(table, b"%d" % number, objects[0])
        table.set_times(number, 0)
    put(table, b"0", objects[1])
    put(table, b"0", objects[1])
    put(table, b"1", objects[2])
    put(table, b"1", 5)
    assert [sys.getrefcount(held) for held in objects] == [before[0] + 598, before[1] + 1, before[2]]
    assert table.objects == 599
    for number in range(300):
        remove(table, b"%d" % number)
    assert table.objects == 300
    del table
    gc.collect()


class _Calling:
    """Calls a function when it is freed."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def __del__(self) -> None:
        self.call()


def test_a_table_is_whole_when_it_lets_an_object_go(table: Any) -> None:
    """Code that runs when an object is freed may use the table it was in."""
    ran = []

    def change() -> None:
        ran.append(table.count)
        for number in range(100):
            put(table, b"inner %d %d" % (len(ran), number), number)
        for number in range(0, 100, 2):
            remove(table, b"inner %d %d" % (len(ran), number))

    model: dict[bytes, Any] = {}
    for number in range(20):
        key = b"outer %d" % number
        put(table, key, _Calling(change))
        table.seek(key)
        if number % 2:
            table.remove()
        else:
            table.put(number)
            model[key] = number
    assert len(ran) == 20
    model |= {b"inner %d %d" % (r, number): number for r in range(1, 21) for number in range(1, 100, 2)}
    check(table, model)


@compiled_only
def test_equal_sizes_are_stored_in_place() -> None:
    """A number over a number costs no memory and moves nothing: memory and the order of keys stay."""
    table: Any = imported.Table()
    put(table, b"key", 1.5)
    memory = table.memory
    for value in (2.5, math.nan, 7, b"12345678"):
        table.put(value)
        assert table.memory == memory
        assert is_same(get(table, b"key"), value)


# ---------------------------------------------------------------------- positions


def test_positions_are_those_of_the_hashes(module: Any, table: Any) -> None:
    """Pages come in the order of positions, which both tables take from the hash."""
    assert module.END == 2**53
    keys = [b"key:%d" % number for number in range(5000)]
    for key in keys:
        put(table, key, 1)
        assert table.position(key) == (hash(key) & (2**64 - 1)) >> 11
    position = 0
    met = []
    while position < module.END:
        after, page = table.page(position, 50)
        assert all(position <= table.position(key) < after for key in page)
        position = after
        met += page
    assert sorted(met) == sorted(keys)
    assert table.page(module.END, 10) == (module.END, [])
    assert table.page(0, 0) == (0, [])


def test_a_page_from_a_position_holds_its_key(table: Any) -> None:
    """A key is on the page that starts at its position, and on none that starts later."""
    keys = [b"key:%d" % number for number in range(3000)]
    for key in keys:
        put(table, key, 1)
    for key in keys[:200]:
        position = table.position(key)
        assert key in table.page(position, 1)[1]
        assert key not in table.page(position + 1, 1)[1]


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_meets_each_key_that_stays_once(table: Any, seed: int) -> None:
    """Whatever comes and goes between the pages, and however the table grows and shrinks."""
    choice = random.Random(seed)
    size = choice.choice([30, 400, 3000, 9000])
    staying = {b"stay %d" % number for number in range(size)}
    passing = [b"pass %d" % number for number in range(size * 3)]
    for key in staying:
        put(table, key, 1)
    grows = choice.random() < 0.5
    for key in [] if grows else passing:
        put(table, key, 1)
    position, met = 0, Counter[bytes]()
    while position < imported.END:
        position, keys = table.page(position, choice.choice([1, 5, 40]))
        met.update(keys)
        for _ in range(choice.choice([0, 10, 100])):
            if passing and choice.random() < 0.9:
                key = passing.pop()
                kind = table.seek(key)
                if grows and not kind:
                    table.put(b"x")
                elif not grows and kind:
                    table.remove()
        if choice.random() < 0.02:
            grows = not grows
            passing = [b"pass %d" % number for number in range(size * 3)]
    assert all(met[key] == 1 for key in staying)


# ---------------------------------------------------------------------- random picks


def test_keys_of_neighbouring_hashes_find_room(table: Any) -> None:
    """However keys crowd together in the space of hashes, around its ends as well, there is room for them."""
    everybody = [b"%d" % i for i in range(2000)]
    everybody.sort(key=table.position)
    choice = random.Random(1)
    for _ in range(1500):
        others = type(table)()
        first, last = choice.randrange(20, 60), choice.randrange(40, 140)
        keys = [*everybody[:first], *everybody[-last:]]
        choice.shuffle(keys)
        for key in keys:
            put(others, key, b"v")
        assert all(get(others, key) == b"v" for key in keys)


def test_random_keys_are_fair(table: Any) -> None:
    """Each key is as likely as any other, by a chi-squared test, whatever was there before."""
    for number in range(2000):
        put(table, b"%d" % number, number)
    for number in range(60, 2000):
        remove(table, b"%d" % number)
    drawn = Counter(table.random_key() for _ in range(30_000))
    assert len(drawn) == 60
    assert sum((count - 500) ** 2 / 500 for count in drawn.values()) < 130  # 59 degrees of freedom: p < 1e-7


@pytest.mark.parametrize("size", [1, 2, 7, 8, 30, 500])
def test_random_keys_of_small_tables(table: Any, size: int) -> None:
    """Every key is met."""
    keys = {b"%d" % number for number in range(size)}
    for key in keys:
        put(table, key, 1)
    assert {table.random_key() for _ in range(40 * size)} == keys


def test_draws(table: Any) -> None:
    """A draw has keys if there are any, no more than were asked for, and each key has its turn."""
    assert (table.draw(5), table.random_key()) == ([], None)
    put(table, b"only", 1)
    assert all(table.draw(5) == [b"only"] for _ in range(20))
    keys = {b"%d" % number for number in range(300)} | {b"only"}
    for key in keys:
        put(table, key, 1)
    met: set[bytes] = set()
    for count in [1, 5, 20] * 700:
        drawn = table.draw(count)
        assert 1 <= len(drawn) <= count
        assert len(set(drawn)) == len(drawn)
        met.update(drawn)
    assert met == keys
    assert set(table.draw(301)) == set(table.draw(10**9)) == keys
    assert table.draw(0) == []


def sampled(module: Any, table: Any, count: int, wanted: Callable[[int, int], bool]) -> list[bytes]:
    """The keys of a sample of which the uses and deadlines are wanted, found by their tickets."""

    class Chooser(module.Sampler):  # type: ignore[misc]
        def __init__(self) -> None:
            self.tickets: list[Any] = []

        def wants(self, use: int, deadline_ms: int) -> bool:
            return wanted(use, deadline_ms)

        def take(self, ticket: Any) -> None:
            self.tickets.append(ticket)

    chooser = Chooser()
    table.sample(count, chooser)
    return [table.key() for ticket in chooser.tickets if table.recall(ticket) != module.ABSENT]


def test_samples(module: Any, table: Any) -> None:
    """A sample has about as many keys as were asked for, or all of them, each once, and each has its turn."""

    def all_of(use: int, deadline_ms: int) -> bool:
        return True

    assert sampled(module, table, 5, all_of) == []
    keys = {b"%d" % number for number in range(300)}
    for key in keys:
        put(table, key, 1)
    met: set[bytes] = set()
    for count in [1, 5, 20] * 300:
        drawn = sampled(module, table, count, all_of)
        assert len(drawn) < count + 7
        met.update(drawn)
    assert met == keys
    assert sorted(sampled(module, table, 300, all_of)) == sorted(sampled(module, table, 10**9, all_of)) == sorted(keys)
    assert sampled(module, table, 0, all_of) == sampled(module, table, -1, all_of) == []


def test_samples_are_chosen_by_use_and_deadline(module: Any, table: Any) -> None:
    """Who samples hears of a key what it needs to choose, and may end all by an error."""
    for number in range(100):
        put(table, b"%d" % number, number)
        table.note_use(number)
        table.set_times(NEVER_MS if number % 2 else 1000 + number, 0)
    found = sampled(module, table, 100, lambda use, deadline_ms: use < 10 and deadline_ms == 1000 + use)
    assert sorted(found) == [b"0", b"2", b"4", b"6", b"8"]
    with pytest.raises(ZeroDivisionError):
        sampled(module, table, 100, lambda use, deadline_ms: bool(1 // 0))


def test_tickets_of_keys_that_are_gone(module: Any, table: Any) -> None:
    """A key is recalled by its ticket wherever it stands now, and not when it is gone."""
    put(table, b"k", 1)
    ticket = table.ticket()
    for number in range(1000):
        put(table, b"%d" % number, number)
    assert (table.recall(ticket), table.key(), table.value()) == (module.INTEGER, b"k", 1)
    table.put(b"else")
    assert (table.recall(ticket), table.value()) == (module.BYTES, b"else")
    table.remove()
    assert table.recall(ticket) == module.ABSENT


# ---------------------------------------------------------------------- tickets


def test_tickets_find_keys_of_their_bucket(module: Any, table: Any) -> None:
    """A ticket counts while its key is filed in the bucket's time."""
    tickets = module.Tickets()
    for number in range(1000):
        table.seek(b"%d" % number)
        table.put_until(number, 500, 100)
        tickets.add(table.ticket())
    for number in range(0, 1000, 2):
        table.seek(b"%d" % number)
        if number % 4:
            table.remove()
        else:
            table.set_times(900, 200)
    for at in range(1000):
        kind = table.redeem(tickets, at, 100)
        assert bool(kind) == bool(at % 2)
        if kind:
            assert (table.key(), table.value(), table.filed()) == (b"%d" % at, at, 100)
    kept = module.Tickets()
    table.sift(tickets, 100, 300, 100, kept)
    assert len(kept) == 100
    for at in range(100):
        assert table.redeem(kept, at, 100)
        assert table.value() == 101 + 2 * at
        table.remove()
        assert not table.redeem(kept, at, 100)
    rest = module.Tickets()
    table.sift(tickets, 0, 1000, 200, rest)
    assert len(rest) == 250
    assert not table.redeem(rest, 0, 100)


def test_a_ticket_that_was_issued_twice_is_kept_once(module: Any, table: Any) -> None:
    """A key that went, came back and was filed at the same time has two tickets in one bucket."""
    tickets, kept = module.Tickets(), module.Tickets()
    for _ in range(3):
        for number in range(50):
            table.seek(b"%d" % number)
            table.put_until(number, 500, 100)
            tickets.add(table.ticket())
    for _ in range(2):
        table.sift(tickets, 10, 150, 100, kept)
    assert sorted(kept) == sorted(list(tickets)[:50] * 2)
    assert all(table.redeem(kept, at, 100) for at in range(100))


def test_tickets_are_a_list(module: Any) -> None:
    """They are added, joined, counted, and released from the end."""
    table, tickets, other = module.Table(), module.Tickets(), module.Tickets()
    issued = []
    for number in range(100):
        put(table, b"%d" % number, 1)
        issued.append(table.ticket())
        tickets.add(issued[-1])
    assert list(tickets) == issued
    assert len(tickets) == 100
    assert tickets.memory_usage() >= 56 + 800
    other.extend(tickets, 40)
    other.extend(tickets, 100)
    other.extend(other, 0)
    assert list(other) == issued[40:] * 2
    assert not tickets.release(99)
    assert list(tickets) == issued[:1]
    assert tickets.release(5)
    assert tickets.release(5)
    assert list(tickets) == []
    tickets.add(issued[5])
    assert list(tickets) == issued[5:6]


# ---------------------------------------------------------------------- copies


@pytest.mark.parametrize("count", [0, 1, 7, 8, 5000])
def test_a_copy_is_a_table_of_its_own(table: Any, count: int) -> None:
    """It has the same keys, values and deadlines, no uses, and what happens to one is its own."""
    values = [b"x" * 60, b"y" * 200, [1], 12, 0.5]
    model = {b"k" * (number % 300) + b"%d" % number: values[number % 5] for number in range(count)}
    for number, (key, value) in enumerate(model.items()):
        put(table, key, value)
        table.note_use(3)
        if number % 3 == 0:
            table.set_times(1000 + number, 900)
    made = table.copy()
    assert made.memory == table.memory or type(made) is twin.Table
    check(made, model)
    assert (made.volatile, made.objects) == (table.volatile, table.objects)
    for key in model:
        table.seek(key)
        made.seek(key)
        assert (made.deadline(), made.filed(), made.use()) == (table.deadline(), table.filed(), 0)
    for key in list(model)[::2]:
        remove(made, key)
    put(made, b"new", 1)
    check(table, model)
    check(made, {key: value for at, (key, value) in enumerate(model.items()) if at % 2} | {b"new": 1})


@compiled_only
def test_a_copy_refers_to_objects_itself() -> None:
    """An object goes when neither table has it; without memory for a copy nothing keeps it."""
    testcapi = pytest.importorskip("_testcapi")
    table: Any = imported.Table()
    item: Any = [1]
    for number in range(1000):
        put(table, b"%d" % number, item)
    before, failed = sys.getrefcount(item), 0
    for nth in range(0, 2000, 7):
        testcapi.set_nomemory(nth, nth + 1)
        try:
            made = table.copy()
        except MemoryError:
            failed += 1
        else:
            break
        finally:
            testcapi.remove_mem_hooks()
        assert sys.getrefcount(item) == before
    assert failed > 100
    check(made, dict.fromkeys((b"%d" % number for number in range(1000)), item))
    assert sys.getrefcount(item) == before + 1000
    del made
    assert sys.getrefcount(item) == before


# ---------------------------------------------------------------------- memory


@pytest.mark.parametrize("count", [1, 64, 1000])
def test_release_frees_in_slices(table: Any, count: int) -> None:
    """No more than were asked for at once; objects are buried, each once."""
    for number in range(3000):
        put(table, b"%d" % number, [number] if number % 3 == 0 else b"x" * (number % 50))
    buried: list[Any] = []
    left = 3000
    while not table.release(count, buried.append):
        assert left - count <= table.count < left  # fewer towards the end
        left = table.count
    assert sorted(item[0] for item in buried) == list(range(0, 3000, 3))
    assert (table.count, len(table), walk(table)) == (0, 0, [])
    assert table.release(count, buried.append)


@compiled_only
def test_a_released_table_is_a_table() -> None:
    """What is left between two slices is whole."""
    table: Any = imported.Table()
    model: dict[bytes, Any] = {b"%d" % number: number for number in range(2000)}
    for key, value in model.items():
        put(table, key, value)
    for _ in range(30):
        table.release(50, None)
        model = {key: model[key] for key in walk(table)}
        check(table, model)
    put(table, b"new", 1)
    check(table, model | {b"new": 1})


@compiled_only
def test_memory_is_what_it_was_when_all_keys_went() -> None:
    """Segments and directory shrink as they grew, whether keys are removed or released."""
    table: Any = imported.Table()
    empty = table.memory
    for way in range(2):
        for number in range(40_000):
            put(table, b"%d" % number, b"x" * (number % 300))
        assert 167 < table.memory / 40_000 < 227  # 12 of header, 5 of key and 150 of value in the mean, and the shape
        for number in range(40_000 if way else 0):
            remove(table, b"%d" % number)
            if number % 10_000 == 9999 and number < 39_000:
                assert table.memory / table.count < 300
        while not table.release(1000, None):
            pass
        assert table.memory == empty


@compiled_only
def test_bytes_a_key() -> None:
    """A key of 20 bytes with a value of 64 takes at most 120 bytes, 136 with a deadline, however many there are."""
    for times, limit in (((NEVER_MS, 0), 120), ((5000, 4000), 136)):
        table: Any = imported.Table()
        for number in range(100_000):
            table.seek(b"key:%016d" % number)
            table.put_until(b"v" * 64, *times)
            if number >= 5000 and number % 500 == 0:
                assert table.memory / table.count <= limit


@compiled_only
def test_memory_is_what_was_allocated() -> None:
    """The count of bytes is the allocator's, but for what it keeps of each block itself."""
    table: Any = imported.Table()
    keys = [b"%d%s" % (number, b"k" * (number % 30)) for number in range(20_000)]
    value, long_value = b"x" * 77, b"y" * 700
    before = table.memory
    tracemalloc.start()
    try:
        for number, key in enumerate(keys):
            put(table, key, long_value if number % 5 == 0 else value)
        for key in keys[:7000]:
            remove(table, key)
        traced = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.99 < (table.memory - before) / traced < 1.02


# ---------------------------------------------------------------------- long runs


@pytest.mark.parametrize("seed", range(4))
def test_churn(module: Any, seed: int) -> None:
    """Random operations that grow and shrink a table leave it as they leave a dict."""
    table, choice = module.Table(), random.Random(seed)
    model: dict[bytes, Any] = {}
    empty = table.memory
    held: list[Any] = []

    def value() -> Any:
        return choice.choice(
            [b"x" * choice.randrange(120), choice.randrange(-(2**63), 2**63), choice.random(), held, b"y" * 2000]
        )

    for space, odds, rounds in ((20, 0.5, 2000), (20_000, 0.9, 30_000), (20_000, 0.3, 30_000), (400, 0.5, 3000)):
        for _ in range(rounds):
            key = b"k%d" % choice.randrange(space)
            kind = table.seek(key)
            assert bool(kind) == (key in model)
            if choice.random() < odds:
                model[key] = value()
                if choice.random() < 0.1:
                    table.put_until(model[key], choice.choice([NEVER_MS, 5]), choice.choice([0, 9]))
                else:
                    table.put(model[key])
            elif kind:
                table.remove()
                del model[key]
        check(table, model)
    assert table.objects == sum(table.seek(key) == module.OBJECT for key in model)
    assert table.volatile == sum(table.deadline() != NEVER_MS for key in model if table.seek(key))
    for key in list(model):
        remove(table, key)
    assert (table.count, table.volatile, table.objects) == (0, 0, 0)
    assert table.memory == empty or module is twin


KEYS = st.one_of(st.binary(max_size=3), st.integers(0, 60).map(lambda number: b"%d" % number), st.binary(max_size=400))
TIMES = st.one_of(st.just((NEVER_MS, 0)), st.tuples(st.integers(1 - 2**63, 2**63 - 1), st.sampled_from([0, 100, 200])))
OBJECTS: list[Any] = [[], {}, bytearray()]
STORED = st.one_of(
    st.binary(max_size=80),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from([*OBJECTS, b"z" * 1024, b"z" * 1025]),
)


class TableMachine(RuleBasedStateMachine):
    """A table in step with a dict of (value, deadline, filed time, use)."""

    walks: Bundle[Any] = Bundle("walks")

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    @initialize(count=st.sampled_from([0, 6, 7, 8, 100, 500, 1200]))
    def begin(self, count: int) -> None:
        """Start with so many keys."""
        self.table = self.module.Table()
        self.empty = self.table.memory
        self.model: dict[bytes, tuple[Any, int, int, int]] = {}
        self.bulk(count)

    @rule(count=st.integers(1, 700))
    def bulk(self, count: int) -> None:
        """Store many keys."""
        for number in range(count):
            self.put(b"%d" % number, number)

    @rule(count=st.integers(1, 700))
    def remove_many(self, count: int) -> None:
        """Take many keys out."""
        for key in sorted(self.model)[:count]:
            self.remove(key)

    @rule(key=KEYS, value=STORED)
    def put(self, key: bytes, value: Any) -> None:
        """Store one."""
        self.table.seek(key)
        self.table.put(value)
        former = self.model.get(key, (None, NEVER_MS, 0, 0))
        self.model[key] = (value, *former[1:])

    @rule(key=KEYS, value=STORED, times=TIMES)
    def put_until(self, key: bytes, value: Any, times: tuple[int, int]) -> None:
        """Store one with its times."""
        self.table.seek(key)
        self.table.put_until(value, *times)
        self.model[key] = (value, *times, self.model[key][3] if key in self.model else 0)

    @rule(key=KEYS, times=TIMES)
    def set_times(self, key: bytes, times: tuple[int, int]) -> None:
        """Change the times of one that is there."""
        if self.table.seek(key):
            self.table.set_times(*times)
            self.model[key] = (self.model[key][0], *times, self.model[key][3])

    @rule(key=KEYS, now_ms=st.sampled_from([-1, 0, 99, 100, 2**62]))
    def seek_at(self, key: bytes, now_ms: int) -> None:
        """Look for one at a time."""
        found = self.table.seek_at(key, now_ms)
        is_due = key in self.model and self.model[key][1] <= now_ms
        assert self.table.key() == key
        assert found == (self.module.DUE if is_due else self.table.seek(key))
        is_bytes = found == self.module.BYTES
        self.table.seek(b"another")
        assert self.table.bytes_at(key, now_ms) == (self.model[key][0] if is_bytes else None)
        assert self.table.key() == key

    @rule(key=KEYS, value=STORED)
    def put_plain(self, key: bytes, value: Any) -> None:
        """Store one if that is all that there is to do."""
        former = self.model.get(key)
        done = self.table.put_plain(key, value)
        assert self.table.key() == key
        if done:
            assert type(value) in (bytes, int)
            assert former is None or (former[1:3] == (NEVER_MS, 0) and not any(former[0] is one for one in OBJECTS))
            assert self.table.value() == value
            self.model[key] = (value, *(former or (None, NEVER_MS, 0, 0))[1:])
        else:
            assert former is not None or type(value) not in (bytes, int)

    @rule(key=KEYS, use=st.integers(0, 2**32 - 1))
    def note_use(self, key: bytes, use: int) -> None:
        """Note the use of one that is there."""
        if self.table.seek(key):
            self.table.note_use(use)
            self.model[key] = (*self.model[key][:3], use)

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        """Take one out."""
        assert bool(self.table.seek(key)) == (key in self.model)
        if key in self.model:
            self.table.remove()
            del self.model[key]

    @rule(target=walks)
    def start_walk(self) -> Any:
        """Begin to walk over all keys."""
        return [0, set(self.model), Counter()]

    @rule(state=walks, count=st.integers(1, 200))
    def go_on(self, state: Any, count: int) -> None:
        """Take a page."""
        state[1] &= set(self.model)
        state[0], keys = self.table.page(state[0], count)
        state[2].update(keys)

    @rule(state=consumes(walks))
    def end_walk(self, state: Any) -> None:
        """A key that was there all the time was met once."""
        while state[0] < self.module.END:
            self.go_on(state, 50)
        assert all(state[2][key] == 1 for key in state[1])

    @rule(count=st.integers(1, 30))
    def pick(self, count: int) -> None:
        """Random keys are keys."""
        assert set(self.table.draw(count)) <= set(self.model)
        self.table.draw_ahead(count)
        assert (self.table.random_key() in self.model) == bool(self.model)

    @rule()
    def redeem(self) -> None:
        """A ticket leads to its key, if that is filed where the ticket is."""
        tickets, keys = self.module.Tickets(), list(self.model)
        for key in keys:
            self.table.seek(key)
            tickets.add(self.table.ticket())
        self.table.ahead(keys)
        for at, key in enumerate(keys):
            assert bool(self.table.redeem(tickets, at, 100)) == (self.model[key][2] == 100)
            if self.model[key][2] == 100:
                assert self.table.key() == key

    @invariant()
    def counts(self) -> None:
        """It counts what it holds."""
        assert self.table.count == len(self.model)
        assert self.table.volatile == sum(held[1] != NEVER_MS for held in self.model.values())

    def teardown(self) -> None:
        """In the end all is there, and then nothing."""
        check(self.table, {key: held[0] for key, held in self.model.items()})
        for key, held in self.model.items():
            self.table.seek(key)
            assert (self.table.deadline(), self.table.filed(), self.table.use()) == held[1:]
        while not self.table.release(100, lambda _: None):
            pass
        assert self.table.memory == self.empty or self.module is twin


def test_a_table_is_in_step_with_a_dict(module: Any) -> None:
    """Whatever is done with it, in whatever order."""
    run_state_machine_as_test(
        lambda: TableMachine(module), settings=settings(max_examples=40, stateful_step_count=30, deadline=None)
    )


# ---------------------------------------------------------------------- no memory


@compiled_only
def test_lack_of_memory_leaves_what_was_before() -> None:
    """Whichever allocation fails, MemoryError is raised, and the table is as it was."""
    testcapi = pytest.importorskip("_testcapi")
    table: Any = imported.Table()
    model: dict[bytes, Any] = {}
    value, long_value, other = b"x" * 60, b"y" * 200, [1]
    failed = 0

    def attempt(key: bytes, action: Any, *args: Any) -> bool:
        """Do something with the n-th allocation failing, for n from 0 on, until it works without; True if it did."""
        nonlocal failed
        for nth in range(60):
            table.seek(key)
            memory = table.memory, table.count, table.volatile, table.objects
            try:
                testcapi.set_nomemory(nth, nth + 1)
                action(*args)
            except MemoryError:
                failed += 1
            else:
                return True
            finally:
                testcapi.remove_mem_hooks()
            assert table.count == memory[1]
            assert table.volatile == memory[2]
            assert table.objects == memory[3]
            table.seek(key)
            assert is_same(table.value(), model.get(key))
        return False

    keys = [b"key %d" % number for number in range(1500)]
    for number, key in enumerate(keys):
        new = (value, long_value, other, 12)[number % 4]
        assert attempt(key, table.put, new)
        model[key] = new
    check(table, model)
    for number, key in enumerate(keys[:300]):
        new = (long_value, other, 12, value)[number % 4]
        assert attempt(key, table.put, new)
        model[key] = new
        assert attempt(key, table.set_times, 5000, 100)
        assert attempt(key, table.put_until, new, 6000, 200)
    check(table, model)
    for key in keys:
        table.seek(key)
        testcapi.set_nomemory(0, 0)
        try:
            table.remove()
        finally:
            testcapi.remove_mem_hooks()
        del model[key]
    check(table, model)
    assert failed > 1500


@compiled_only
def test_tickets_without_memory_stay() -> None:
    """A ticket that finds no room is refused, and the others stay."""
    testcapi = pytest.importorskip("_testcapi")
    tickets: Any = imported.Tickets()
    failed = 0
    numbers = list(range(1000))
    for number in numbers:
        for nth in range(3):
            try:
                testcapi.set_nomemory(nth, nth + 1)
                tickets.add(number)
            except MemoryError:
                failed += 1
            else:
                break
            finally:
                testcapi.remove_mem_hooks()
    assert list(tickets) == numbers
    assert failed > 10


# ---------------------------------------------------------------------- watching


def watcher_of(module: Any) -> Any:
    """A watcher that keeps what it takes."""

    class Keeper(module.Watcher):  # type: ignore[misc]
        def __init__(self) -> None:
            self.taken: list[tuple[bytes, Any, int]] = []

        def take(self, key: bytes, kind: int, value: Any, deadline_ms: int) -> int:
            self.taken.append((key, value, deadline_ms))
            return 1

    return Keeper()


def content(table: Any) -> list[tuple[bytes, Any, int]]:
    """All records."""
    found = []
    for key in table.keys(-1):
        table.seek(key)
        found.append((key, table.value(), table.deadline()))
    return found


def change(table: Any, choose: random.Random, keys: int) -> None:
    """Do something to one of so many keys."""
    key = b"key:%d" % choose.randrange(keys)
    is_there = table.seek(key)
    doing = choose.randrange(4)
    if doing == 0 or not is_there:
        table.put(choose.choice([b"v" * choose.randrange(100), choose.randrange(1000), 1.5]))
    elif doing == 1:
        table.put_until(b"until", choose.randrange(1, 1000), 1)
    elif doing == 2:
        table.set_times(choose.choice([NEVER_MS, 7]), choose.randrange(2))
    else:
        table.remove()


@pytest.mark.parametrize("seed", range(6))
def test_a_watcher_gets_what_there_was(module: Any, seed: int) -> None:
    """Each record once, as it was, while others come, change and go, and the table grows and shrinks."""
    choose = random.Random(seed)
    table = module.Table()
    for keys in (3, 300, 20_000, 5, 8000, 2000):
        for _ in range(keys):
            change(table, choose, keys)
        expected = content(table)
        watcher, position = watcher_of(module), 0
        table.watch(watcher)
        with pytest.raises(ValueError, match="one watcher"):
            table.watch(watcher)
        while position < module.END:
            position = table.walk(position, choose.randrange(1, 200))
            for _ in range(choose.randrange(100)):
                change(table, choose, choose.choice([keys, 2 * keys]))
            if choose.random() < 0.01:
                for key in table.keys(-1)[: table.count - 10]:
                    table.seek(key)
                    table.remove()
        table.unwatch()
        assert sorted(watcher.taken) == sorted(expected)


def test_watching_that_ends_early_leaves_nothing_behind(module: Any) -> None:
    """However often: the next watcher gets all there is."""
    choose = random.Random(1)
    table = module.Table()
    for _ in range(3000):
        change(table, choose, 2000)
    for round_number in range(70):
        table.watch(watcher_of(module))
        table.walk(0, choose.randrange(1, 1000))
        for _ in range(50):
            change(table, choose, 3000)
        table.unwatch()
        if round_number % 30 > 27:
            watcher, expected = watcher_of(module), content(table)
            table.watch(watcher)
            assert table.walk(0, 1 << 30) == module.END
            table.unwatch()
            assert sorted(watcher.taken) == sorted(expected)


def test_a_watcher_gets_what_is_freed_and_what_changes_in_place(module: Any) -> None:
    """A table that nobody uses any more, and an object before somebody changes it."""
    table = module.Table()
    for i in range(1000):
        table.seek(b"key:%d" % i)
        table.put(bytearray(b"%d" % i))
    watcher = watcher_of(module)
    table.watch(watcher)
    table.seek(b"key:7")
    table.preserve()
    table.preserve()
    table.object().extend(b"!")
    assert watcher.taken == [(b"key:7", b"7!", NEVER_MS)]  # the very object, which a watcher reads at once
    while not table.release(100, lambda _: None):
        pass
    assert len({key for key, _, _ in watcher.taken}) == len(watcher.taken) == 1000
    assert table.walk(0, 10) == module.END
