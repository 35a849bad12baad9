"""Containers whose allocations fail: after each failure a container is as it was, or as it should be then."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from geventcache.base.build import IS_COMPILED
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

testcapi = pytest.importorskip("_testcapi", reason="this Python has no hook that lets allocations fail")
pytestmark = pytest.mark.skipif(not IS_COMPILED, reason="to Python every number is an allocation")

in_a_row = pytest.mark.parametrize("most", [1, 0])
NOW_MS, SOON_MS, LATER_MS = 1000, 2000, 1 << 40
MOST = 10_000
WIDE = b"x" * 60


def attempt(container: Any, contents: Callable[[Any], Any], action: Callable[[], Any], most: int) -> int:
    """Do something to a container with the n-th allocation failing, and `most` in a row (0: all), until it works.

    Before that it has its contents of before. Returns how often it failed.
    """
    before = contents(container)
    for failed in range(MOST):
        is_done = starved(action, failed, most)[0]
        if is_done:
            return failed
        assert contents(container) == before
        assert len(container) == len(before)
    raise AssertionError("it never works")


def starved(action: Callable[[], Any], number: int, most: int) -> tuple[bool, Any]:
    """Do something with allocations failing after `number` others; did it work, and what did it return?"""
    found, is_done = None, False
    testcapi.set_nomemory(number, number + most if most else 0)
    try:
        found = action()
        is_done = True
    except MemoryError:
        pass
    finally:
        testcapi.remove_mem_hooks()
    return is_done, found


def fields_of(target: Hash) -> dict[bytes, tuple[bytes, int | None]]:
    """The fields with values and deadlines."""
    return {field: (value, target.deadline(field)) for field, value in target.to_dict().items()}


@in_a_row
@pytest.mark.parametrize("pattern", [b"%d", b"name:%d", WIDE + b"%d"])
def test_a_set_grows_and_shrinks(pattern: bytes, most: int) -> None:
    """Across the bounds of every way to hold it, members come and go, or stay as they are."""
    target, model, failed = Set(EncodingLimits()), set(), 0
    for i in [*range(600), 10**6, 10**12, "text"]:
        member = pattern % i if isinstance(i, int) else i.encode()
        failed += attempt(target, lambda held: set(held.names()), lambda member=member: target.add(member), most)
        model.add(member)
        assert set(target.names()) == model
    for member in list(model):
        failed += attempt(target, lambda held: set(held.names()), lambda member=member: target.drop(member), most)
        model.discard(member)
        assert set(target.names()) == model
    assert failed > 100


@in_a_row
@pytest.mark.parametrize("pattern", [b"%d", b"name:%d", WIDE + b"%d"])
def test_a_sorted_set_grows_and_changes(pattern: bytes, most: int) -> None:
    """Members come, get other scores and go, or stay as they are and where they are."""
    target, model, failed = SortedSet(EncodingLimits()), {}, 0

    def contents(held: SortedSet) -> dict[bytes, float]:
        assert [pair[0] for pair in held.pairs_between(0, len(held))] == held.between(0, len(held))
        return dict(held.pairs_between(0, len(held)))

    for i in range(300):
        for member, score in (
            (pattern % i, float(i)),
            (pattern % (i * 7 % (i + 1)), i * 0.75),
            (pattern % i, -1.0 * i),
        ):
            failed += attempt(target, contents, lambda member=member, score=score: target.add(member, score), most)
            model[member] = score
            assert contents(target) == model
    for member in list(model):
        failed += attempt(target, contents, lambda member=member: target.drop(member), most)
        del model[member]
        assert contents(target) == model
    assert failed > 100


@in_a_row
@pytest.mark.parametrize("pattern", [b"name:%d", WIDE + b"%d"])
@pytest.mark.parametrize("count", [5, 200])
def test_fields_with_deadlines(pattern: bytes, count: int, most: int) -> None:
    """Values and deadlines change together or not at all, and what has a deadline goes in time."""
    target, failed = Hash(EncodingLimits()), 0
    for i in range(count):
        name, at_ms = pattern % i, SOON_MS + i if i % 2 else LATER_MS + i
        for action in (
            lambda name=name: target.set(name, b"v", NOW_MS),
            lambda name=name, at_ms=at_ms: target.set_deadline(name, at_ms, NOW_MS),
            lambda name=name: target.set(name, b"w" * 200, NOW_MS, True),
        ):
            failed += attempt(target, fields_of, action, most)
    for i in range(0, count, 5):
        name = pattern % i
        failed += attempt(target, fields_of, lambda name=name: target.set_deadline(name, None), most)
        failed += attempt(target, fields_of, lambda name=name: target.set_deadline(name, SOON_MS + 1, NOW_MS), most)
        failed += attempt(target, fields_of, lambda name=name: target.set(name, b"plain", NOW_MS), most)
    model = fields_of(target)
    for now_ms in (SOON_MS + count, LATER_MS + count):
        due = {field for field, (_, at_ms) in model.items() if at_ms is not None and at_ms <= now_ms}
        kept: dict[bytes, tuple[bytes, int]] = {}
        expire = partial(target.expire_elements, now_ms, 3, kept)
        gone: list[bytes] = []
        while target.next_deadline() <= now_ms:
            for number in range(MOST):
                is_done, names = starved(expire, number, most)
                if is_done:
                    gone += names
                    break
                failed += 1
            assert kept == {name: model[name] for name in kept}
        assert sorted(gone) == sorted(due)
        model = {field: part for field, part in model.items() if field not in due}
        assert fields_of(target) == model
    assert target.deadlines is None
    assert failed > 5 * count
