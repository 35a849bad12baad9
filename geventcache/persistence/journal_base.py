"""The base of a journal as requests, for people and tools that read it: what a snapshot holds, as clients would say it.

It is made of a snapshot's bytes, element by element as they are written, so that large values take neither memory nor
time at once. A stream is a RESTORE, for no other request says all that it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from geventcache.base.numbers import format_float
from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds
from geventcache.persistence.cursor import Cursor, DataError
from geventcache.persistence.output import Output
from geventcache.persistence.payload import footer
from geventcache.persistence.snapshot_reader import SnapshotError, SnapshotReader
from geventcache.persistence.streams import copied_stream
from geventcache.persistence.value_writer import NO_DEADLINE
from geventcache.resp.frames import pack
from geventcache.types.limits import EncodingLimits

ITEMS_A_REQUEST = 64
BLOCK_BYTES = 64 << 10
PAUSE = b""
Request = list[bytes]


class RequestImage:
    """An image that is written as requests; it is used as the image is.

    Args:
        pause: called wherever the image has a place to pause.
    """

    def __init__(self, image: Any, limits: EncodingLimits, pause: Callable[[], object]) -> None:
        self.image = image
        self.limits = limits
        self.pause = pause

    @property
    def is_void(self) -> bool:
        """Somebody ended it."""
        return bool(self.image.is_void)

    def end(self) -> None:
        """No more is asked of it."""
        self.image.end()

    def blocks(self) -> Iterator[bytes]:
        """What is to be written, once; an empty block is a place to pause.

        Raises:
            OSError: something could not be written.
        """
        data: list[bytes] = []
        size = 0
        try:
            for text in self.texts():
                data.append(text)
                size += len(text)
                if size >= BLOCK_BYTES:
                    yield b"".join(data)
                    data, size = [], 0
                else:
                    yield PAUSE
        except (DataError, SnapshotError):
            if not self.is_void:  # then it is cut
                raise
        yield b"".join(data)

    def texts(self) -> Iterator[bytes]:
        """All requests, in pieces."""
        reader = SnapshotReader(self.source(), self.limits)
        reader.read = unread
        functions: list[bytes] = []
        reader.on_function = functions.append
        selected = -1
        for index, key, value, deadline_ms in reader.records():
            while functions:
                yield pack((b"FUNCTION", b"LOAD", functions.pop(0)))
            if index != selected:
                selected = index
                yield pack((b"SELECT", b"%d" % index))
            yield from requests_of(key, value, deadline_ms)
        for code in functions:
            yield pack((b"FUNCTION", b"LOAD", code))

    def source(self) -> Callable[[int], bytes]:
        """What gives the bytes of the image."""
        blocks = self.image.blocks()

        def more(needed: int) -> bytes:
            for block in blocks:
                if block:
                    return bytes(block)
                self.pause()
            return b""

        return more


def unread(cursor: Cursor, kind: int, limits: EncodingLimits) -> tuple[int, Cursor]:
    """In the place of a container: of what type it is, and where its elements are to be read from."""
    return kind, cursor


def requests_of(key: bytes, value: bytes | tuple[int, Cursor], deadline_ms: int) -> Iterator[bytes]:
    """The requests that make a key, of which each has some dozens of elements at most; in pieces."""
    if isinstance(value, bytes):
        yield pack((b"SET", key, value))
    elif value[0] == kinds.STREAM_7_0:
        yield from restoring(key, value[1])
    else:
        kind, cursor = value
        for request in MAKERS[kind](key, cursor):
            yield pack(tuple(request))
    if deadline_ms != NEVER_MS:
        yield pack((b"PEXPIREAT", key, b"%d" % deadline_ms))


def list_requests(key: bytes, cursor: Cursor) -> Iterator[Request]:
    """The requests that make a list."""
    return pushes(b"RPUSH", key, ([cursor.string()] for _ in range(cursor.length())))


def set_requests(key: bytes, cursor: Cursor) -> Iterator[Request]:
    """The requests that make a set."""
    return pushes(b"SADD", key, ([cursor.string()] for _ in range(cursor.length())))


def sorted_set_requests(key: bytes, cursor: Cursor) -> Iterator[Request]:
    """The requests that make a sorted set."""
    pairs = ((cursor.string(), cursor.score()) for _ in range(cursor.length()))
    return pushes(b"ZADD", key, ([format_float(score), member] for member, score in pairs))


def hash_requests(key: bytes, cursor: Cursor) -> Iterator[Request]:
    """The requests that make a hash."""
    return pushes(b"HSET", key, ([cursor.string(), cursor.string()] for _ in range(cursor.length())))


def volatile_hash_requests(key: bytes, cursor: Cursor) -> Iterator[Request]:
    """The requests that make a hash whose fields may have deadlines."""
    deadlines: list[Request] = []

    def fields() -> Iterator[Request]:
        for _ in range(cursor.length()):
            field, text, deadline_ms = cursor.string(), cursor.string(), cursor.signed_number(8)
            if deadline_ms != NO_DEADLINE:
                deadlines.append([b"HPEXPIREAT", key, b"%d" % deadline_ms, b"FIELDS", b"1", field])
            yield [field, text]

    for request in pushes(b"HSET", key, fields()):
        yield request
        yield from deadlines
        deadlines.clear()


def restoring(key: bytes, cursor: Cursor) -> Iterator[bytes]:
    """The request that makes a stream, with pauses before it."""
    out = Output(False)
    out.byte(kinds.STREAM_7_0)
    for _ in copied_stream(cursor, out):
        if len(out.data) >= BLOCK_BYTES:
            out.cut()
        yield PAUSE
    pieces = out.take_pieces()
    pieces.append(footer(pieces, kinds.VERSION))
    yield b"*4\r\n$7\r\nRESTORE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$%d\r\n" % (len(key), key, sum(map(len, pieces)))
    yield from pieces
    yield b"\r\n"


def pushes(name: bytes, key: bytes, items: Iterable[Request]) -> Iterator[Request]:
    """Requests that add items, some dozens each."""
    request = [name, key]
    for count, item in enumerate(items, 1):
        request += item
        if count % ITEMS_A_REQUEST == 0:
            yield request
            request = [name, key]
    if len(request) > 2:
        yield request


MAKERS: dict[int, Callable[[bytes, Cursor], Iterator[Request]]] = {
    kinds.LIST: list_requests,
    kinds.SET: set_requests,
    kinds.ZSET: sorted_set_requests,
    kinds.HASH: hash_requests,
    kinds.HASH_DEADLINES: volatile_hash_requests,
}
