"""Histories and their backlogs: who can go on, and from where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geventcache.services.replication.backlog import BLOCK_BYTES, Backlog
from geventcache.services.replication.history import NO_ID, NOWHERE, History

pieces = st.lists(st.binary(max_size=100).map(lambda data: data * 300), max_size=20)


def read_from(backlog: Backlog, position: int, most: int) -> bytes:
    """All that follows a position."""
    found = b""
    while piece := backlog.piece(position + len(found), most):
        assert len(piece) <= most
        found += piece
    return found


@given(start=st.integers(0, 1 << 50), data=pieces, most=st.integers(1000, 1 << 20), size=st.integers(1, 100_000))
def test_a_backlog_keeps_the_end_of_the_stream(start: int, data: list[bytes], most: int, size: int) -> None:
    """Every position that is kept can be read from, before and after older bytes were forgotten."""
    backlog = Backlog(start)
    stream = b""
    for piece in data:
        backlog.append(piece)
        stream += piece
    assert (backlog.start, backlog.end) == (start, start + len(stream))
    assert read_from(backlog, start, most) == stream
    backlog.trim(size, backlog.end)
    assert len(backlog) >= min(size, len(stream))
    assert read_from(backlog, backlog.start, most) == stream[backlog.start - start :]
    assert read_from(backlog, backlog.end, most) == b""


def test_a_backlog_keeps_what_is_needed() -> None:
    """Whoever is behind finds the rest, however small the backlog is meant to be; and no more than blocks of it."""
    backlog = Backlog(0)
    for _ in range(10):
        backlog.append(b"x" * BLOCK_BYTES)
    backlog.trim(1, 3 * BLOCK_BYTES + 5)
    assert backlog.start == 3 * BLOCK_BYTES
    backlog.trim(1, backlog.end)
    assert backlog.start == 9 * BLOCK_BYTES


def test_who_can_go_on() -> None:
    """Who has the same history, from the first byte that is kept to the one that comes next."""
    history = History()
    assert not history.continues(history.id, 1)
    history.append(b"not kept")
    assert history.position == 0
    history.keep_backlog()
    history.append(b"0123456789")
    assert [first for first in range(-1, 15) if history.continues(history.id, first)] == list(range(1, 12))
    assert not history.continues(b"x" * 40, 5)
    assert not history.continues(NO_ID, 5)


def test_a_promotion_keeps_the_history_before() -> None:
    """Up to where both went along."""
    history = History()
    history.adopt(b"a" * 40, 100)
    history.append(b"0123456789")
    history.begin_own()
    assert (history.second_id, history.second_end) == (b"a" * 40, 111)
    history.append(b"0123456789")
    assert history.continues(b"a" * 40, 101)
    assert history.continues(b"a" * 40, 111)
    assert not history.continues(b"a" * 40, 112)
    assert history.continues(history.id, 121)
    history.rename(history.id)
    assert history.second_end == 111
    history.drop_backlog()
    assert (history.second_id, history.second_end) == (NO_ID, NOWHERE)
    assert not history.continues(history.id, 121)
