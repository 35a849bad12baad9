"""Fingerprints of the data, as DEBUG DIGEST and DIGEST-VALUE tell them: servers with the same data have the same ones.

What has an order is chained (`chained`: the SHA1 of what came before and the next part), what has none is summed by
exclusive or. The scheme was found by comparing values with the reference's, which they equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from geventcache.base.numbers import format_float, format_shortest
from geventcache.base.times import NEVER_MS
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types.hashes import Hash
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet
from geventcache.types.stream_ids import MAX_HALF, MAX_ID, SEQ_BITS
from geventcache.types.streams import Stream

SIZE = 20
EXPIRES = b"!!expire!!"
STRING_NUMBER = 0


def sha1(data: bytes) -> int:
    """The SHA1 of some bytes."""
    return int.from_bytes(hashlib.sha1(data, usedforsecurity=False).digest(), "big")


def packed(digest: int) -> bytes:
    """A digest as bytes."""
    return digest.to_bytes(SIZE, "big")


def chained(digest: int, parts: Iterable[bytes]) -> int:
    """The digest of what came before, with some parts in their order."""
    for part in parts:
        digest = sha1(packed(digest ^ sha1(part)))
    return digest


def summed(digest: int, groups: Iterable[Iterable[bytes]]) -> int:
    """The digest of what came before, with some groups of parts in any order."""
    for parts in groups:
        digest ^= sha1(packed(chained(0, parts)))
    return digest


def with_list(digest: int, value: List) -> int:
    """A list follows."""
    return chained(digest, value)


def with_set(digest: int, value: Set) -> int:
    """A set follows."""
    for member in value:
        digest ^= sha1(member)
    return digest


def with_sorted_set(digest: int, value: SortedSet) -> int:
    """A sorted set follows."""
    return summed(digest, ((member, score_text(score)) for member, score in value.to_dict().items()))


def score_text(score: float) -> bytes:
    """The text of a score as digests have it."""
    return format_shortest(score) if score else format_float(score)


def with_hash(digest: int, value: Hash) -> int:
    """A hash follows."""
    return summed(digest, value.to_dict().items())


def with_stream(digest: int, value: Stream) -> int:
    """A stream follows."""
    for entry_id, fields in value.range(0, MAX_ID):
        digest = chained(digest, (b"%d.%d" % (entry_id >> SEQ_BITS, entry_id & MAX_HALF), *fields))
    return digest


# Type to the number that stands for it and what digests a value of it.
CONTAINERS: dict[type, tuple[int, Callable[[int, Any], int]]] = {
    List: (1, with_list),
    Set: (2, with_set),
    SortedSet: (3, with_sorted_set),
    Hash: (4, with_hash),
    Stream: (6, with_stream),
}


def number_bytes(number: int) -> bytes:
    """A number as a part of a digest."""
    return number.to_bytes(4, "big")


def of_value(db: Keyspace, key: bytes, digest: int = 0) -> int:
    """The digest of what came before, with the value of a key; unchanged if there is none."""
    value = db.find(key)
    if value is None:
        return digest
    if type(value) in CONTAINERS:
        number, follow = CONTAINERS[type(value)]
        digest = follow(chained(digest, [number_bytes(number)]), value)
    else:
        digest = chained(digest, [number_bytes(STRING_NUMBER), as_string(value)])
    return digest if db.deadline(key) == NEVER_MS else digest ^ sha1(EXPIRES)


def of_databases(keyspaces: Iterable[Keyspace]) -> int:
    """The digest of all keys; databases without any do not count."""
    digest = 0
    for db in keyspaces:
        keys = db.keys()
        if keys:
            digest = chained(digest, [number_bytes(db.index)])
        for key in keys:
            digest ^= sha1(packed(of_value(db, key, chained(0, [key]))))
    return digest


def shown(digest: int) -> bytes:
    """A digest in hexadecimal."""
    return packed(digest).hex().encode()
