"""Scan cursors over a list of elements that changes."""

from hypothesis import given
from hypothesis import strategies as st

from geventcache.types.snapshots import MAX_SNAPSHOTS, ScanCursors


def walk(cursors: ScanCursors, elements: list[bytes], count: int) -> list[bytes]:
    """A whole scan."""
    cursor, found = cursors.page(lambda: list(elements), 0, count)
    for _ in range(len(elements)):
        if cursor == 0:
            break
        cursor, page = cursors.page(lambda: list(elements), cursor, count)
        found += page
    assert cursor == 0
    return found


@given(st.integers(0, 60), st.integers(1, 70))
def test_a_scan_gives_each_element_once(size: int, count: int) -> None:
    """Whatever the size of a page, and nothing is kept afterwards."""
    cursors = ScanCursors()
    elements = [b"%d" % i for i in range(size)]
    assert walk(cursors, elements, count) == elements
    assert not cursors.snapshots


def test_scans_do_not_disturb_each_other() -> None:
    """Two scans that started at different times each see their own elements."""
    cursors = ScanCursors()
    first, _ = cursors.page(lambda: [b"a", b"b"], 0, 1)
    second, _ = cursors.page(lambda: [b"x", b"y"], 0, 1)
    assert cursors.page(list, first, 1) == (0, [b"b"])
    assert cursors.page(list, second, 1) == (0, [b"y"])


def test_a_dropped_scan_starts_over() -> None:
    """The oldest of too many scans gets a new snapshot, so it misses nothing."""
    cursors = ScanCursors()
    first, _ = cursors.page(lambda: [b"a", b"b"], 0, 1)
    for _ in range(MAX_SNAPSHOTS):
        cursors.page(lambda: [b"a", b"b"], 0, 1)
    assert len(cursors.snapshots) == MAX_SNAPSHOTS
    assert cursors.page(lambda: [b"a", b"b"], first, 1)[1] == [b"a"]


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**62))
def test_any_cursor_is_answered(cursor: int, count: int) -> None:
    """A cursor that was never given out is a new scan."""
    assert ScanCursors().page(lambda: [b"a"], cursor, count) == (0, [b"a"])
