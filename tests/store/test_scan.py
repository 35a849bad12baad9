"""SCAN: what stays is found, whatever else happens between two pages."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from geventcache.store.keyspace import Keyspace
from geventcache.types.lists import List

from .keyspaces import START_MS, make_databases, make_keyspace

CURSOR_END = 1 << 53


def filled(count: int) -> Keyspace:
    """A database of so many keys."""
    _, keyspace, _ = make_keyspace()
    for number in range(count):
        keyspace.put(b"stay:%d" % number, b"v", b"set")
    return keyspace


def walk(keyspace: Keyspace, count: int, between: object = None) -> Counter[bytes]:
    """How often a whole scan returns each key; `between` is called after each page."""
    found: Counter[bytes] = Counter()
    cursor = 0
    for _ in range(100_000):
        cursor, keys = keyspace.scan(cursor, count)
        found.update(keys)
        if cursor == 0:
            return found
        assert 0 < cursor < CURSOR_END
        if callable(between):
            between()
    raise AssertionError("the scan has no end")


@pytest.mark.parametrize("count", [1, 7, 10, 1000, 10**19])
def test_scan_of_what_nobody_changes(count: int) -> None:
    """Each key comes once."""
    assert walk(filled(3000), count) == Counter({b"stay:%d" % number: 1 for number in range(3000)})


def test_cursors_are_small() -> None:
    """Tools that keep 31 bits of a cursor get all keys: redis-cli's import into a cluster is one of them."""
    keyspace = filled(3000)
    cursor, _keys = keyspace.scan(0, 1)
    while cursor:
        assert cursor < 1 << 14
        cursor, _keys = keyspace.scan(cursor, 1)


def test_empty_database_is_one_page() -> None:
    """A scan of nothing ends where it begins."""
    assert filled(0).scan(0, 10) == (0, [])


def test_small_database_is_one_page() -> None:
    """A page goes on until it has what it was asked for."""
    cursor, keys = filled(9).scan(0, 10)
    assert (cursor, len(keys)) == (0, 9)


def test_page_has_the_size_that_was_asked_for() -> None:
    """A page has so many keys, or a few more: neighbours in the table go out together."""
    keyspace = filled(3000)
    cursor, keys = keyspace.scan(0, 25)
    assert 25 <= len(keys) <= 40
    cursor, keys = keyspace.scan(cursor, 300)
    assert 300 <= len(keys) <= 315


@pytest.mark.parametrize("seed", range(6))
def test_what_stays_is_found(seed: int) -> None:
    """Keys that come and go between the pages cost no other key its place."""
    random = Random(seed)
    keyspace = filled(500)

    def change() -> None:
        for _ in range(random.randrange(20)):
            keyspace.put(b"other:%d" % random.randrange(2000), b"v", b"set")
            keyspace.delete(b"other:%d" % random.randrange(2000))

    found = walk(keyspace, random.choice([1, 3, 10]), change)
    assert all(found[b"stay:%d" % number] == 1 for number in range(500))


def test_many_scans_at_once() -> None:
    """Many scans in turns, with keys added before each of them begins."""
    keyspace = filled(600)
    scans: list[tuple[set[bytes], set[bytes]]] = []
    cursors: list[int | None] = []
    while len(scans) < 40 or any(cursor is not None for cursor in cursors):
        if len(scans) < 40:
            keyspace.put(b"later:%d" % len(scans), b"v", b"set")
            scans.append((set(keyspace.keys()), set()))
            cursors.append(0)
        for at, cursor in enumerate(cursors):
            if cursor is not None:
                next_cursor, keys = keyspace.scan(cursor, 13)
                scans[at][1].update(keys)
                cursors[at] = next_cursor or None
    assert all(expected <= found for expected, found in scans)


def test_any_cursor_is_harmless() -> None:
    """A cursor that nobody gave out returns a page or nothing, and its scan ends."""
    keyspace = filled(100)
    for cursor in (1, 255, 1 << 37, 1 << 45, (1 << 53) - 1, 1 << 53, (1 << 64) - 1):
        for _ in range(200):
            cursor, _keys = keyspace.scan(cursor, 10)
            if cursor == 0:
                break
        assert cursor == 0


def test_due_keys_are_not_shown() -> None:
    """A key is invisible to a scan from its millisecond on."""
    clock, keyspace, recorder = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 5, b"set")
    keyspace.put(b"l", b"v", b"set")
    recorder.take()
    clock.advance(5)
    assert keyspace.scan(0, 10) == (0, [b"l"])


@pytest.mark.parametrize("change", ["flush", "swap"])
def test_scan_goes_on_over_other_keys(change: str) -> None:
    """After a flush or a swap a scan shows nothing of what was there before."""
    _, databases = make_databases()
    keyspace, other = databases.get(0), databases.get(1)
    for number in range(2000):
        keyspace.put(b"old:%d" % number, b"v", b"set")
    cursor, _keys = keyspace.scan(0, 10)
    if change == "flush":
        keyspace.flush()
    else:
        keyspace.swap(other)
    for number in range(2000):
        keyspace.put(b"new:%d" % number, b"v", b"set")
    while cursor:
        cursor, keys = keyspace.scan(cursor, 10)
        assert all(key.startswith(b"new:") for key in keys)


def test_what_is_not_wanted_stays_though_it_is_due() -> None:
    """A scan by name or type removes what is due of that name and type, as it would give it out."""
    clock, keyspace, _ = make_keyspace()
    for name in (b"a1", b"b1"):
        keyspace.put_until(name, b"v", clock.now_ms + 1, b"set")
    keyspace.edit_or_create(b"a2", List, b"rpush").push_right(b"v")
    keyspace.settle()
    keyspace.set_deadline(b"a2", clock.now_ms + 1)
    clock.advance(1)
    assert keyspace.scan(0, 10, lambda key: key.startswith(b"a"), b"list") == (0, [])
    assert len(keyspace) == 2
    assert keyspace.scan(0, 10, None, b"string") == (0, [])
    assert len(keyspace) == 0
