"""Random numbers, and random choice from a dict."""

from hypothesis import given
from hypothesis import strategies as st

from geventcache.types.dict_pick import random_key, random_keys
from geventcache.types.random_pick import below


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
    assert random_key(table) in table
    found = random_keys(table, count)
    assert len(found) == len(set(found)) == min(count, len(table))
    assert table.keys() >= set(found)
