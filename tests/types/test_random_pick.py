"""Random choice from a dict."""

from hypothesis import given
from hypothesis import strategies as st

from geventcache.types.random_pick import below, random_key, random_keys


@given(st.integers(1, 2**40))
def test_below_stays_below(limit: int) -> None:
    """From 0 on."""
    assert 0 <= below(limit) < limit


@given(st.sets(st.integers(0, 400), min_size=1), st.integers(0, 500) | st.just(2**62))
def test_choices_are_keys(kept: set[int], count: int) -> None:
    """Whatever was deleted, however many are asked for."""
    table = {b"%d" % i: None for i in range(401)}
    for i in set(range(401)) - kept:
        del table[b"%d" % i]
    assert random_key(table, 401) in table
    found = random_keys(table, 401, count)
    assert len(found) == len(set(found)) == min(count, len(table))
    assert table.keys() >= set(found)


def test_a_bound_far_too_high_is_slow_but_right() -> None:
    """When draws keep missing, the choice walks to its key."""
    assert random_key({b"only": None}, 10**12) == b"only"
