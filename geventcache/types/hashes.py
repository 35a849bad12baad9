# cython: boundscheck=False, wraparound=False
"""The hash: fields in order of insertion, some of which may have a deadline.

`deadlines` is None while no field has one, so a hash without deadlines pays one test for them. A field whose deadline
has passed is *due*: it stays, and counts in the length, until `expire_elements` removes it; the methods that take
`now_ms` see it as missing. A command that writes to a field removes it first if it is due.
"""

from collections.abc import Iterator

import cython

from geventcache.base.times import NEVER_MS
from geventcache.types.container import Container
from geventcache.types.field_deadlines import FieldDeadlines
from geventcache.types.footprint import elements_size
from geventcache.types.limits import EncodingLimits
from geventcache.types.names import own_names_size, shared_name
from geventcache.types.random_pick import random_key, random_keys
from geventcache.types.snapshots import ScanCursors

HOLES_ALLOWED = 64
# A hash with fewer fields than this shares the names of new ones with other hashes.
SHARING_FIELDS = 32
NEVER = NEVER_MS


class Hash(Container):
    """Fields and their values, all bytes.

    Attributes:
        fields: the values by field, due fields included; to be read only.
        deadlines: the deadlines of fields, None when no field has one; to be read only.
        is_hashtable: it outgrew the small encoding, for good.
    """

    type_name = b"hash"
    expired_event = b"hexpired"

    def __init__(self, limits: EncodingLimits) -> None:
        self.revision = 0
        self.fields: dict[bytes, bytes] = {}
        self.deadlines: FieldDeadlines | None = None
        self.is_hashtable = False
        self.limits = limits
        self.holes = 0
        self.cursors: ScanCursors | None = None

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, field: bytes) -> bool:
        return field in self.fields

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.fields)

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"hashtable" if self.is_hashtable else b"listpack"

    def expect(self, count: cython.Py_ssize_t) -> None:
        """One command is about to set `count` fields, repeated ones included; their number may change the encoding."""
        if count > self.limits.hash_max_listpack_entries:
            self.is_hashtable = True

    def get(self, field: bytes) -> bytes | None:
        """The value of `field`; None when there is no such field."""
        return self.fields.get(field)

    def get_live(self, field: bytes, now_ms: cython.longlong) -> bytes | None:
        """The value of `field`; None when there is no such field or it is due at `now_ms`."""
        if self.deadlines is not None and self.is_due(field, now_ms):
            return None
        return self.fields.get(field)

    def is_due(self, field: bytes, now_ms: cython.longlong) -> cython.bint:
        """`field` has a deadline that has passed at `now_ms`."""
        return self.deadlines is not None and self.deadlines.is_due(field, now_ms)

    def live(self, now_ms: cython.longlong) -> dict[bytes, bytes]:
        """Fields and values but those due at `now_ms`; it may be the hash's own dict, so it is to be read at once."""
        if self.next_deadline() > now_ms:
            return self.fields
        return {field: value for field, value in self.fields.items() if not self.is_due(field, now_ms)}

    def set(self, field: bytes, value: bytes, keep_deadline: cython.bint = False) -> cython.bint:
        """Give `field` a value; True when it is new.

        It loses its deadline unless `keep_deadline`. Counts as a change even when it had the same value.
        """
        before: cython.Py_ssize_t = len(self.fields)
        if before < SHARING_FIELDS and field not in self.fields:
            field = shared_name(field)
        self.fields[field] = value
        self.revision += 1
        is_new: cython.bint = len(self.fields) != before
        if not self.is_hashtable:
            self.is_hashtable = (
                before + is_new > self.limits.hash_max_listpack_entries
                or len(field) > self.limits.hash_max_listpack_value
                or len(value) > self.limits.hash_max_listpack_value
            )
        if self.deadlines is not None and not keep_deadline and field in self.deadlines.times:
            self.drop_deadline(field)
        return is_new

    def delete(self, field: bytes) -> cython.bint:
        """Delete `field`; False when there is no such field."""
        if field not in self.fields:
            return False
        del self.fields[field]
        self.holes += 1
        self.revision += 1
        if self.deadlines is not None and field in self.deadlines.times:
            self.drop_deadline(field)
        return True

    def deadline(self, field: bytes) -> int | None:
        """The deadline of `field` in milliseconds since the epoch; None when it has none."""
        return None if self.deadlines is None else self.deadlines.times.get(field)

    def set_deadline(self, field: bytes, deadline_ms: int | None) -> bool:
        """Give `field` a deadline in milliseconds since the epoch, or take it away with None.

        False, and no change, when there is no such field or nothing to take away. Any deadline counts as a change, and
        makes the encoding "hashtable".
        """
        if field not in self.fields:
            return False
        if deadline_ms is None:
            if self.deadlines is None or field not in self.deadlines.times:
                return False
            self.drop_deadline(field)
            self.revision += 1
            return True
        if self.deadlines is None:
            self.deadlines = FieldDeadlines()
        self.deadlines.set(field, deadline_ms)
        self.is_hashtable = True
        self.revision += 1
        return True

    def drop_deadline(self, field: bytes) -> None:
        """Forget the deadline that `field` has."""
        if self.deadlines is not None:
            self.deadlines.drop(field)
            if not self.deadlines.times:
                self.deadlines = None

    @cython.ccall
    def next_deadline(self) -> cython.longlong:
        """The earliest deadline in milliseconds since the epoch, NEVER_MS when there is none."""
        return NEVER if self.deadlines is None else self.deadlines.next_ms()

    @cython.ccall
    @cython.returns(list)
    def expire_elements(self, now_ms: cython.longlong, most: cython.Py_ssize_t) -> list[bytes]:
        """Remove the fields due at `now_ms`, at most `most`, and return them in order of their deadlines."""
        if self.next_deadline() > now_ms or self.deadlines is None:
            return []
        removed: list[bytes] = self.deadlines.pop_due(now_ms, most)
        for field in removed:
            del self.fields[field]
        if not self.deadlines.times:
            self.deadlines = None
        self.holes += len(removed)
        self.revision += 1
        return removed

    def bound(self) -> cython.Py_ssize_t:
        """At most how many fields and holes the dict has.

        Holes are closed when there are many, so that choices stay quick.
        """
        if self.holes > 2 * len(self.fields) + HOLES_ALLOWED:
            self.fields = dict(self.fields)
            self.holes = 0
        return len(self.fields) + self.holes

    def random_field(self) -> bytes:
        """A fair choice of the fields, of which there is one at least; it may be due."""
        return random_key(self.fields, self.bound())

    def random_fields(self, count: cython.Py_ssize_t) -> list[bytes]:
        """A fair choice of `count` different fields, or all of them when there are fewer; some may be due."""
        return random_keys(self.fields, self.bound(), count)

    def scan(self, cursor: int, count: cython.Py_ssize_t) -> tuple[int, list[bytes]]:
        """A page of fields of an HSCAN, and its next cursor.

        Fields may be gone or due when they come; a small hash comes whole.
        """
        if not self.is_hashtable:
            return 0, list(self.fields)
        if self.cursors is None:
            self.cursors = ScanCursors()
        return self.cursors.page(lambda: list(self.fields), cursor, count)

    def copy(self) -> "Hash":
        """A hash of its own with the same fields, deadlines and encoding."""
        other = Hash(self.limits)
        other.fields = dict(self.fields)
        other.holes = self.holes
        other.is_hashtable = self.is_hashtable
        if self.deadlines is not None:
            other.deadlines = self.deadlines.copy()
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the hash, its fields and values."""
        total: int = self.__sizeof__() + self.fields.__sizeof__()
        total += own_names_size(self.fields) if len(self.fields) <= SHARING_FIELDS else elements_size(self.fields)
        total += elements_size(self.fields.values())
        if self.deadlines is not None:
            total += self.deadlines.memory_usage()
        return total

    def release(self, count: cython.Py_ssize_t) -> bool:
        """Free up to `count` fields, of a hash that no key holds any more; True when none is left.

        Deadlines go first, in slices as well.
        """
        if self.deadlines is not None:
            if self.deadlines.release(count):
                self.deadlines = None
            return False
        for _ in range(min(count, len(self.fields))):
            self.fields.popitem()
        return not self.fields
