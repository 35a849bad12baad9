"""Frames: cut whole, byte by byte, and with what follows; and what RESP2 makes of those of RESP3."""

from __future__ import annotations

import pytest

from geventcache.resp.frames import FrameReader, array, bulk, bulk_value, items, to_resp2

FRAMES = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":-12\r\n",
    b"$3\r\na\r\n\r\n",
    b"$0\r\n\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(12345678901234567890\r\n",
    b"=6\r\ntxt:ab\r\n",
    b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n~2\r\n:1\r\n:2\r\n",
    b"%0\r\n",
    b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
    b"|1\r\n+a\r\n:1\r\n:2\r\n",
    b"*3\r\n*-1\r\n$-1\r\n_\r\n",
]


@pytest.mark.parametrize("frame", FRAMES)
def test_frame_comes_out_when_it_is_complete(frame: bytes) -> None:
    """Whole, and byte by byte: not before the last byte."""
    assert FrameReader().feed(frame) == [frame]
    reader = FrameReader()
    assert [reader.feed(frame[i : i + 1]) for i in range(len(frame) - 1)] == [[]] * (len(frame) - 1)
    assert reader.feed(frame[-1:]) == [frame]
    assert reader.feed(frame) == [frame]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_stream_is_cut_wherever_it_is_broken(size: int) -> None:
    """All frames one after the other, in pieces of any size."""
    stream = b"".join(FRAMES) * 3
    reader = FrameReader()
    found = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]
    assert found == FRAMES * 3


def test_large_value_is_not_searched_for_its_end() -> None:
    """Line ends in it do not end it."""
    value = b"\r\n" * 100_000
    reader = FrameReader()
    frame = bulk(value)
    found = [one for at in range(0, len(frame), 4096) for one in reader.feed(frame[at : at + 4096])]
    assert found == [frame]
    assert bulk_value(found[0]) == value


def test_what_is_no_resp_is_refused() -> None:
    """A length that is no number, and a kind that does not exist."""
    for data in (b"$x\r\n", b"*\r\n", b"\r\n", b"HTTP/1.1 400 Bad Request\r\n"):
        with pytest.raises(ValueError, match=r"invalid literal|no reply begins"):
            FrameReader().feed(data)


@pytest.mark.parametrize(
    ("resp3", "resp2"),
    [
        (b"+OK\r\n", b"+OK\r\n"),
        (b"_\r\n", b"$-1\r\n"),
        (b"#f\r\n", b":0\r\n"),
        (b",inf\r\n", b"$3\r\ninf\r\n"),
        (b"(123\r\n", b"$3\r\n123\r\n"),
        (b"=6\r\ntxt:ab\r\n", b"$2\r\nab\r\n"),
        (b"%1\r\n$1\r\na\r\n,1.5\r\n", b"*2\r\n$1\r\na\r\n$3\r\n1.5\r\n"),
        (b"~2\r\n$2\r\n\r\n\r\n_\r\n", b"*2\r\n$2\r\n\r\n\r\n$-1\r\n"),
        (b"*2\r\n$-1\r\n*1\r\n#t\r\n", b"*2\r\n$-1\r\n*1\r\n:1\r\n"),
    ],
)
def test_resp3_in_resp2(resp3: bytes, resp2: bytes) -> None:
    """Each kind of value that RESP2 lacks."""
    assert to_resp2(resp3) == resp2


def test_elements_of_an_array() -> None:
    """They come out as they are, and go in again."""
    assert items(array(FRAMES[:8])) == FRAMES[:8]
    assert items(b"*0\r\n") == items(b"*-1\r\n") == []
