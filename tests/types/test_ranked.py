"""The order of pairs against a sorted list, at sizes where chunks split and merge."""

import random
from bisect import insort

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geventcache.types.ranked import Ranked

# Longer than two full chunks, so that every change of chunks happens.
MANY = 3000


def check(ranked: Ranked, model: list[tuple[float, bytes]]) -> None:
    """Everything that can be read agrees with the model."""
    assert ranked.size == len(model)
    assert ranked.members(0, len(model)) == [member for _, member in model]
    assert ranked.pairs(0, len(model)) == [(member, score) for score, member in model]
    for rank in range(0, len(model), 1 + len(model) // 50):
        score, member = model[rank]
        assert ranked.rank(score, member) == rank
        assert ranked.members(rank, rank + 1) == [member]
        assert ranked.score_rank(score, False) == sum(pair[0] < score for pair in model)
        assert ranked.score_rank(score, True) == sum(pair[0] <= score for pair in model)


def scores_of(kind: str, count: int) -> list[float]:
    """`count` scores in the order in which they are added."""
    rng = random.Random(count)
    return {
        "equal": [0.0] * count,
        "few": [float(rng.randrange(3)) for _ in range(count)],
        "random": [rng.random() for _ in range(count)],
        "up": [float(i) for i in range(count)],
        "down": [float(-i) for i in range(count)],
        "odd": [rng.choice([float("-inf"), -0.0, 0.0, 5e-324, 1.5, float("inf")]) for _ in range(count)],
    }[kind]


@pytest.mark.parametrize("kind", ["equal", "few", "random", "up", "down", "odd"])
def test_pairs_come_and_go(kind: str) -> None:
    """Many are added and removed again, in orders that fill and empty chunks in every way."""
    rng = random.Random(7)
    ranked = Ranked()
    model: list[tuple[float, bytes]] = []
    for score, name in zip(scores_of(kind, MANY), rng.sample(range(MANY), MANY), strict=True):
        ranked.add(score, b"%d" % name)
        insort(model, (score, b"%d" % name))
    check(ranked, model)
    for kept in (2000, 300, 70, 5, 1, 0):
        while len(model) > kept:
            score, member = model.pop(rng.randrange(len(model)))
            assert ranked.remove(score, member)
            assert not ranked.remove(score, member)
        check(ranked, model)


@pytest.mark.parametrize("last", [False, True])
def test_ends_are_popped_in_order(last: bool) -> None:
    """Popping one end until nothing is left gives the whole order, and ranks stay right."""
    ranked = Ranked()
    ranked.fill([float(i) for i in range(MANY)], [b"%d" % i for i in range(MANY)])
    expected = [(b"%d" % i, float(i)) for i in range(MANY)][:: -1 if last else 1]
    for i, pair in enumerate(expected):
        if i % 100 == 0:
            assert ranked.rank(pair[1], pair[0]) == (ranked.size - 1 if last else 0)
        assert ranked.pop_end(last) == pair
    assert ranked.size == 0
    ranked.add(1.0, b"a")
    check(ranked, [(1.0, b"a")])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6), st.booleans())
def test_windows_are_deleted(windows: list[tuple[float, float]], is_equal: bool) -> None:
    """Any windows of ranks, within a chunk or over many, leave the others in order."""
    model = [(0.0 if is_equal else i // 2 * 1.0, b"%05d" % i) for i in range(MANY)]
    ranked = Ranked()
    ranked.fill([score for score, _ in model], [member for _, member in model])
    for low, high in windows:
        start, stop = sorted((int(low * len(model)), int(high * len(model))))
        assert ranked.delete(start, stop) == [member for _, member in model[start:stop]]
        del model[start:stop]
        check(ranked, model)
    for i in range(600):
        ranked.add(-1.0, b"x%d" % i)
        insort(model, (-1.0, b"x%d" % i))
    check(ranked, model)


def test_members_of_one_score_are_searched_by_their_bytes() -> None:
    """Positions before and behind a member, of members that are there and that are not."""
    names = [b"%04d" % i for i in range(0, 2 * MANY, 2)]
    ranked = Ranked()
    for name in names:
        ranked.add(1.0, name)
    for i in range(0, 2 * MANY, 7):
        name = b"%04d" % i
        assert ranked.member_rank(name, False) == (i + 1) // 2
        assert ranked.member_rank(name, True) == (i + 2) // 2
    assert ranked.member_rank(b"", False) == 0
    assert ranked.member_rank(b"\xff", False) == MANY


def test_copies_are_independent() -> None:
    """A change of one does not show in the other."""
    ranked = Ranked()
    ranked.add(1.0, b"a")
    other = ranked.copy()
    other.add(2.0, b"b")
    assert (ranked.members(0, ranked.size), other.members(0, other.size)) == ([b"a"], [b"a", b"b"])


def test_signed_zeros_are_one_score() -> None:
    """A pair added with one zero is found and removed with the other."""
    ranked = Ranked()
    ranked.add(-0.0, b"b")
    ranked.add(0.0, b"a")
    assert ranked.members(0, 2) == [b"a", b"b"]
    assert ranked.remove(0.0, b"b")


def test_an_empty_order_answers() -> None:
    """Nothing is found, nothing fails."""
    ranked = Ranked()
    ranked.fill([], [])
    assert ranked.rank(1.0, b"a") == ranked.score_rank(0.0, True) == ranked.member_rank(b"a", True) == 0
    assert not ranked.remove(0.0, b"a")
    assert ranked.delete(0, 0) == ranked.members(0, 0) == ranked.pairs(0, 0) == []
