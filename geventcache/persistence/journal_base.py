"""The base of a journal as requests, for people and tools that read it: what a snapshot holds, as clients would say it.

A stream is a RESTORE, for no other request says all that it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from geventcache.base.numbers import format_float
from geventcache.base.times import NEVER_MS
from geventcache.persistence import payload
from geventcache.persistence.snapshot_reader import SnapshotError, SnapshotReader
from geventcache.resp.frames import pack
from geventcache.store.keyspace import as_string
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

ITEMS_A_REQUEST = 64
BLOCK_BYTES = 64 << 10
Request = list[bytes]


class RequestImage:
    """An image that is written as requests; it is used as the image is."""

    def __init__(self, image: Any, limits: EncodingLimits) -> None:
        self.image = image
        self.limits = limits

    @property
    def is_void(self) -> bool:
        """Somebody ended it."""
        return bool(self.image.is_void)

    def end(self) -> None:
        """No more is asked of it."""
        self.image.end()

    def blocks(self) -> Iterator[bytes]:
        """What is to be written, once."""
        snapshot = filter(None, self.image.blocks())
        reader = SnapshotReader(lambda needed: bytes(next(snapshot, b"")), self.limits)
        functions: list[bytes] = []
        reader.on_function = functions.append
        data = bytearray()
        selected = -1
        for index, key, value, deadline_ms in self.records(reader):
            while functions:
                data += pack((b"FUNCTION", b"LOAD", functions.pop(0)))
            if index != selected:
                selected = index
                data += pack((b"SELECT", b"%d" % index))
            for request in requests_of(key, value, deadline_ms):
                data += pack(tuple(request))
                if len(data) >= BLOCK_BYTES:
                    yield bytes(data)
                    data.clear()
        for code in functions:
            data += pack((b"FUNCTION", b"LOAD", code))
        yield bytes(data)

    def records(self, reader: SnapshotReader) -> Iterator[tuple[int, bytes, Any, int]]:
        """All keys, or as many as there were when somebody ended the image."""
        try:
            yield from reader.records()
        except SnapshotError:
            if not self.is_void:
                raise


def requests_of(key: bytes, value: Any, deadline_ms: int) -> Iterator[Request]:
    """The requests that make a key, of which each has some dozens of elements at most."""
    if not isinstance(value, Container):
        yield [b"SET", key, as_string(value)]
    elif isinstance(value, List):
        yield from pushes(b"RPUSH", key, ([item] for page in value.pages() for item in page))
    elif isinstance(value, Set):
        yield from pushes(b"SADD", key, ([name] for name in value.names()))
    elif isinstance(value, SortedSet):
        pairs = value.pairs(0, len(value))
        yield from pushes(b"ZADD", key, ([format_float(score), name] for name, score in pairs))
    elif isinstance(value, Hash):
        yield from requests_of_hash(key, value)
    else:
        yield [b"RESTORE", key, b"0", payload.dump(value, False)]
    if deadline_ms != NEVER_MS:
        yield [b"PEXPIREAT", key, b"%d" % deadline_ms]


def requests_of_hash(key: bytes, value: Hash) -> Iterator[Request]:
    """The requests that make a hash."""
    fields = value.to_dict()
    yield from pushes(b"HSET", key, ([field, text] for field, text in fields.items()))
    if value.deadlines is not None:
        for field in fields:
            deadline_ms = value.deadline(field)
            if deadline_ms is not None:
                yield [b"HPEXPIREAT", key, b"%d" % deadline_ms, b"FIELDS", b"1", field]


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
