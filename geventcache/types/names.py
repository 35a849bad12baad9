"""Names of fields that many small hashes have in common, kept once.

Objects stored as hashes have the same fields, and five names of their own took 240 of the 909 bytes of a small hash. A
bounded table remembers names of late; when it is full it begins anew, so that names which never come back cost it
nothing but that.
"""

from collections.abc import Iterable

from geventcache.types.footprint import bytes_size

MOST_NAMES = 1024
LONGEST_NAME = 64

known: dict[bytes, bytes] = {}


def shared_name(name: bytes) -> bytes:
    """The object that is kept for this name."""
    found = known.get(name)
    if found is not None:
        return found
    if len(name) <= LONGEST_NAME:
        if len(known) == MOST_NAMES:
            known.clear()
        known[name] = name
    return name


def own_names_size(names: Iterable[bytes]) -> int:
    """Bytes of those of these names that are not kept for all hashes."""
    size: int = sum([bytes_size(len(name)) for name in names if known.get(name) is not name])
    return size
