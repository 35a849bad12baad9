"""Replies of another server as frames: cut out of the stream as they are, so that they can be passed on unchanged.

The rules:

- A frame is one reply (or push) of RESP2 or RESP3 with all that belongs to it. Where it ends is found without decoding
  what is in it: one counter of the elements that are still missing is enough, however deep they are nested.
- What has arrived is never looked at twice, and nothing is reserved for what is announced.
- A reply read by a parser of values would lose what a client can see: a status is no bulk string, an empty array no
  null, and the digits of a double are the sender's.

Specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from collections.abc import Callable, Iterable
from typing import Any

import hiredis

# A request as it is sent. The types of hiredis know of tuples of one item only.
pack: Callable[[tuple[bytes, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]
CRLF = b"\r\n"
NULL, NULL_BULK, NULL_ARRAY = b"_\r\n", b"$-1\r\n", b"*-1\r\n"
BULKS = frozenset(b"$!=")
LINES = frozenset(b"+-:_#,(")
ARRAYS = frozenset(b"*~>")
MAP, ATTRIBUTE, ERROR, PUSH = ord("%"), ord("|"), ord("-"), ord(">")
# Kinds that RESP2 has, too, and that hold no others.
COMMON = frozenset(b"+-:$")


class FrameReader:
    """Cuts frames out of what arrives."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.at = 0
        self.missing = 1

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the frames that are complete now.

        Raises:
            ValueError: this is no RESP.
        """
        buffer: Any = data
        if self.data:
            self.data += data
            buffer = self.data
        frames = []
        start, at, missing, end = 0, self.at, self.missing, len(buffer)
        while at < end:
            line = buffer.find(CRLF, at)
            if line < 0:
                break
            kind = buffer[at]
            if kind in BULKS:
                size = int(buffer[at + 1 : line])
                after = line + 2 if size < 0 else line + size + 4
                if after > end:
                    break
                at = after
                missing -= 1
            else:
                missing += elements_of(kind, buffer, at, line)
                at = line + 2
            if not missing:
                frames.append(bytes(buffer[start:at]))
                start = at
                missing = 1
        self.keep(buffer, start)
        self.at = at - start
        self.missing = missing
        return frames

    def keep(self, buffer: Any, start: int) -> None:
        """Keep what is not complete yet."""
        if buffer is self.data:
            del self.data[:start]
        elif start < len(buffer):
            self.data += buffer[start:]


def elements_of(kind: int, buffer: Any, at: int, line: int) -> int:
    """By how many the missing elements grow by a header, or a value of one line, that stands from `at` to `line`.

    Raises:
        ValueError: it is neither.
    """
    if kind in ARRAYS:
        return max(int(buffer[at + 1 : line]), 0) - 1
    if kind == MAP:
        return 2 * int(buffer[at + 1 : line]) - 1
    if kind == ATTRIBUTE:
        return 2 * int(buffer[at + 1 : line])
    if kind not in LINES:
        raise ValueError(f"no reply begins with byte {kind}")
    return -1


def is_error(frame: bytes) -> bool:
    """Is the reply an error?"""
    return frame[0] == ERROR


def first_error(frames: Iterable[bytes]) -> bytes | None:
    """The first error among replies, None if there is none."""
    return next((frame for frame in frames if is_error(frame)), None)


def error_text(frame: bytes) -> bytes:
    """The text of an error."""
    return frame[1:-2]


def error(text: bytes) -> bytes:
    """An error with this text, as a frame."""
    return b"-%b\r\n" % text


def bulk(value: bytes) -> bytes:
    """A bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def bulk_value(frame: bytes) -> bytes | None:
    """The bytes of a bulk string, None if the frame is something else or a null."""
    if frame[0] != 36 or frame[1] == 45:  # "$", "-"
        return None
    return frame[frame.index(CRLF) + 2 : -2]


def items(frame: bytes) -> list[bytes]:
    """The elements of an array, a set, a map or a push, as frames; none of a null."""
    return FrameReader().feed(frame[frame.index(CRLF) + 2 :])


def array(frames: list[bytes]) -> bytes:
    """An array of these elements."""
    return b"*%d\r\n%b" % (len(frames), b"".join(frames))


def decode(frame: bytes) -> Any:
    """The value of a frame; an error as an exception that is not raised."""
    reader = hiredis.Reader()
    reader.feed(frame)
    return reader.gets()


def to_resp2(frame: bytes) -> bytes:
    """A frame of RESP3 in RESP2, for replies whose shape is the same in both: no pairs that are nested in one alone."""
    if frame[0] in COMMON:
        return frame
    pieces = []
    at = 0
    while at < len(frame):
        line = frame.index(CRLF, at)
        kind = frame[at : at + 1]
        text = frame[at + 1 : line]
        after = line + 2
        if kind in b"$!=":
            after += int(text) + 2 if int(text) >= 0 else 0
        pieces.append(piece_of_resp2(kind, text, frame, at, line, after))
        at = after
    return b"".join(pieces)


def piece_of_resp2(kind: bytes, text: bytes, frame: bytes, at: int, line: int, after: int) -> bytes:
    """One header or value of RESP3 in RESP2."""
    if kind in b"+-:$*":
        return frame[at:after]
    if kind in b"~>":
        return b"*%b\r\n" % text
    if kind == b"%":
        return b"*%d\r\n" % (2 * int(text))
    if kind == b"_":
        return NULL_BULK
    if kind == b"#":
        return b":1\r\n" if text == b"t" else b":0\r\n"
    if kind == b"=":
        return bulk(frame[line + 6 : after - 2])
    if kind == b"!":
        return error(frame[line + 2 : after - 2])
    return bulk(text)  # a double or a big number
