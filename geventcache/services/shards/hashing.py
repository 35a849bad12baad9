"""The slot of a key: a checksum of the key, or of its hash tag, which is what stands between its first braces.

The compiled build has this from ``hashing.pyx``; this is its twin, which serves uncompiled.
"""

from __future__ import annotations

from binascii import crc_hqx

SLOTS = 16384


def slot_of(key: bytes) -> int:
    """The slot of a key."""
    return crc_hqx(hashed_part(key), 0) % SLOTS


def hashed_part(key: bytes) -> bytes:
    """The hash tag of a key, the whole key if it has none."""
    tag, brace, _ = key.partition(b"{")[2].partition(b"}")
    return tag if tag and brace else key
