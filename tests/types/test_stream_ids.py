"""The text of stream IDs, as the reference reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.types import stream_ids
from geventcache.types.stream_ids import MAX_HALF, MAX_ID, make_id

LAST = b"18446744073709551615"


@given(st.integers(0, MAX_HALF), st.integers(0, MAX_HALF))
def test_format_and_parse_are_opposites(ms: int, seq: int) -> None:
    """What is printed is read again."""
    text = stream_ids.format_id(make_id(ms, seq))
    assert text == b"%d-%d" % (ms, seq)
    assert stream_ids.parse_id(text) == stream_ids.parse_strict_id(text, 7) == make_id(ms, seq)
    assert stream_ids.parse_new_id(text) == (ms, seq)


@pytest.mark.parametrize(
    ("text", "ms", "seq"),
    [
        (b"5", 5, 0),
        (b" 5", 5, 0),
        (b"05-1", 5, 1),
        (b"+7-1", 7, 1),
        (b"5-\t1", 5, 1),
        (b"5-\x0b2", 5, 2),
        (b"5-+2", 5, 2),
        (b"5--0", 5, 0),
        (b"5--05", 5, MAX_HALF - 4),
        (b"1--" + LAST, 1, 1),
        (b"5\0abc", 5, 0),
        (b"5-1\0zz", 5, 1),
        (LAST, MAX_HALF, 0),
        (b"0" * 126 + b"3", 3, 0),
    ],
)
def test_accepted_as_recorded(text: bytes, ms: int, seq: int) -> None:
    """Odd spellings that the reference accepts mean the same here."""
    assert stream_ids.parse_id(text) == make_id(ms, seq)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"5-",
        b"-5",
        b"-05",
        b"--1",
        b"5--5",
        b"5 -1",
        b"5-1x",
        b"5-1-",
        b"8.5",
        b"0x9-1",
        b"18446744073709551616",
        b"1--018446744073709551616",
        b"0" * 127 + b"4",
        b"\x00",
        b"\x00-1",
        b"5-\x001",
        b"5-+-2",
        b"5-\xa02",
        b"*",
        b"$",
        b"5-*",
    ],
)
def test_refused_as_recorded(text: bytes) -> None:
    """What the reference refuses is no ID."""
    assert stream_ids.parse_id(text) is None
    assert stream_ids.parse_strict_id(text) is None


def test_new_ids_may_leave_the_sequence_open() -> None:
    """Only as a lone star, which no NUL need follow."""
    assert stream_ids.parse_new_id(b"5-*") == (5, None)
    assert stream_ids.parse_new_id(b"5-*\0") == (5, None)
    assert stream_ids.parse_new_id(b"5-*1") is None
    assert stream_ids.parse_new_id(b"x-*") is None
    assert stream_ids.parse_new_id(b"-") is None


def test_ends_of_ranges() -> None:
    """Short IDs mean the widest range, a bracket excludes its ID, and the ends of all IDs stand for themselves."""
    assert (stream_ids.parse_range_start(b"-"), stream_ids.parse_range_end(b"+")) == (0, MAX_ID)
    assert (stream_ids.parse_range_start(b"2"), stream_ids.parse_range_end(b"2")) == (
        make_id(2, 0),
        make_id(2, MAX_HALF),
    )
    assert stream_ids.parse_range_start(b"(2-1") == make_id(2, 2)
    assert stream_ids.parse_range_start(b"(2-" + LAST) == make_id(3, 0)
    assert stream_ids.parse_range_end(b"(2") == make_id(2, MAX_HALF - 1)
    assert stream_ids.parse_range_end(b"(2-0") == make_id(1, MAX_HALF)
    assert stream_ids.parse_range_start(b"(%b-%b" % (LAST, LAST)) == MAX_ID + 1
    assert stream_ids.parse_range_end(b"(0-0") == -1
    for text in (b"(", b"(-", b"(+", b"((1"):
        assert stream_ids.parse_range_start(text) is None
        assert stream_ids.parse_range_end(text) is None
