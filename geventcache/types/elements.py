"""What a hash and a set have in common: elements that are found by their names, bytes each.

The compiled build has this class from ``elements.pyx``, which packs what is small and puts what is large on a Table;
this is its twin on a dict, which serves uncompiled. One test-suite runs on both. The rules, for users of either:

- Few elements are listed in order of insertion, integers of an intset in order of value, many in any order.
- `form` is the encoding's name: its owner decides on it, and how elements are held does not follow from it alone.
- A container that can be packed is what its run is: `load` of `pack`. The twin packs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geventcache.resp.values import Distinct
from geventcache.types.container import Container
from geventcache.types.dict_pick import random_key, random_keys
from geventcache.types.footprint import elements_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.names import own_names_size, shared_name
from geventcache.types.snapshots import ScanCursors

INTSET, LISTPACK, HASHTABLE = range(3)
HOLES_ALLOWED = 64
# While there are fewer than this, new names are shared with other hashes.
SHARING_FIELDS = 32


class Elements(Container):
    """Names, and with a `stride` of 2 a value for each; both are bytes.

    Attributes:
        form: the encoding's name: INTSET, LISTPACK or HASHTABLE.
    """

    def begin(self, limits: EncodingLimits, form: int, stride: int) -> None:
        """Be empty."""
        self.revision = 0
        self.fields: dict[bytes, bytes | None] = {}
        self.limits = limits
        self.form = form
        self.stride = stride
        self.holes = 0
        self.cursors: ScanCursors | None = None

    def pack(self) -> bytes | None:
        """The run, None if there is none that is short enough to stand in a record."""
        return None

    def load(self, run: bytes, limits: EncodingLimits, stride: int) -> None:
        """Be what was packed."""
        raise NotImplementedError

    # ------------------------------------------------------------------ one name

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, name: bytes) -> bool:
        return name in self.fields

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.names())

    def has(self, name: bytes) -> bool:
        """Is there such a name?"""
        return name in self.fields

    def get(self, name: bytes) -> bytes | None:
        """The value of a name; None if there is no such name."""
        return self.fields.get(name)

    def put(self, name: bytes, value: bytes | None) -> bool:
        """Give a name a value, or without values put it there; return whether it is new.

        In an INTSET it is an integer.
        """
        fields = self.fields
        before = len(fields)
        if self.stride == 1:
            fields[name] = None
            if len(fields) == before:
                return False
            self.revision += 1
            return True
        if before < SHARING_FIELDS and name not in fields:
            name = shared_name(name)
        fields[name] = value
        self.revision += 1
        return len(fields) != before

    def drop(self, name: bytes) -> bool:
        """Delete a name; False if there is no such name."""
        if name not in self.fields:
            return False
        del self.fields[name]
        self.holes += 1
        self.revision += 1
        return True

    # ------------------------------------------------------------------ all names

    def names(self) -> list[bytes]:
        """All names: in order of value in an INTSET, of insertion while they are few."""
        return sorted(self.fields, key=int) if self.form == INTSET else list(self.fields)

    def values(self) -> list[bytes]:
        """The values, in the order of their names."""
        return list(self.to_dict().values())

    def to_dict(self) -> dict[bytes, bytes]:
        """Names and values; it may be the elements' own, so it is to be read at once."""
        return self.fields  # type: ignore[return-value] # where there are values

    def shown(self) -> Any:
        """All names, with their values if they have some, as a reply, to be used before there is a change."""
        return Distinct(self.names()) if self.stride == 1 else self.to_dict()

    def shown_names(self) -> Any:
        """The names of what has values, as a reply, to be used before there is a change."""
        return self.names()

    def shown_values(self) -> Any:
        """The values, as a reply, to be used before there is a change."""
        return self.values()

    def close_holes(self) -> None:
        """Make a dict without holes if there are many, so that choices stay quick."""
        if self.holes > 2 * len(self.fields) + HOLES_ALLOWED:
            self.fields = dict(self.fields)
            self.holes = 0

    def random_name(self) -> bytes:
        """A fair choice of the names, of which there is one at least."""
        self.close_holes()
        return random_key(self.fields)

    def random_names(self, count: int) -> list[bytes]:
        """A fair choice of `count` different names, or all of them if there are fewer."""
        return random_keys(self.fields, count)

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """A page of names, and the next cursor, 0 after the last; few elements come whole.

        A name that stays while all pages are read comes once.
        """
        if self.form != HASHTABLE:
            return 0, self.names()
        if self.cursors is None:
            self.cursors = ScanCursors()
        return self.cursors.page(lambda: list(self.fields), cursor, count)

    # ------------------------------------------------------------------ encodings

    def become(self, form: int) -> None:
        """Have another encoding's name. A LISTPACK has few elements."""
        if self.form == INTSET and form != INTSET:
            self.fields = dict.fromkeys(self.names())
            self.holes = 0
        self.form = form

    def draw_in(self) -> None:
        """Nothing asks for a Table any more: few elements go back into a run. There is none."""

    # ------------------------------------------------------------------ as a whole

    def take_over(self, other: Elements) -> None:
        """Have the same elements and form as another container, whose limits and stride are the same."""
        self.fields = dict(other.fields)
        self.holes = other.holes
        self.form = other.form

    def memory_usage(self) -> int:
        """Estimated bytes of the container and its elements."""
        total = self.__sizeof__() + self.fields.__sizeof__()
        if self.stride == 1:
            return total + elements_size(self.fields)
        total += own_names_size(self.fields) if len(self.fields) <= SHARING_FIELDS else elements_size(self.fields)
        return total + elements_size(self.fields.values())

    def release(self, count: int) -> bool:
        """Free up to `count` elements, of a container that no key holds any more; True when none is left."""
        for _ in range(min(count, len(self.fields))):
            self.fields.popitem()
        return not self.fields
