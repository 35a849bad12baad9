"""The hash: fields, some of which may have a deadline.

`deadlines` is None while no field has one, so a hash without deadlines pays one test for them. A field whose deadline
has passed is *due*: it stays, and counts in the length, until `expire_elements` removes it; the methods that take
`now_ms` see it as missing. `set` removes it first, so that nothing of it is left; the keyspace tells of its end before
it tells of the change.
"""

import cython

from geventcache.base.events import event
from geventcache.base.times import NEVER_MS
from geventcache.types.elements import HASHTABLE, LISTPACK, Elements
from geventcache.types.field_deadlines import FieldDeadlines
from geventcache.types.limits import EncodingLimits

NEVER = NEVER_MS


class Hash(Elements):
    """Fields and their values, all bytes.

    Attributes:
        deadlines: the deadlines of fields, None when no field has one; to be read only.
        lapsed: fields that were due and that the running command has set anew, None for none.
    """

    type_name = b"hash"
    expired_event = event(b"hexpired", "x")

    def __init__(self, limits: EncodingLimits) -> None:
        self.begin(limits, LISTPACK, 2)
        self.deadlines: FieldDeadlines | None = None
        self.lapsed: list[bytes] | None = None

    @staticmethod
    def unpack(run: bytes, limits: EncodingLimits) -> "Hash":
        """The hash that was packed."""
        found: Hash = Hash.__new__(Hash)
        found.load(run, limits, 2)
        return found

    @cython.ccall
    @cython.returns(bytes)
    def pack(self) -> bytes | None:
        """The hash as a run of bytes; None if it is too large for that, or has deadlines."""
        return None if self.deadlines is not None else Elements.pack(self)

    def encoding(self) -> bytes:
        """The name of the encoding."""
        return b"hashtable" if self.form == HASHTABLE else b"listpack"

    def expect(self, count: cython.Py_ssize_t) -> None:
        """One command is about to set `count` fields, repeated ones included; their number may change the encoding."""
        if count > self.limits.hash_max_listpack_entries:
            self.become(HASHTABLE)

    def get_live(self, field: bytes, now_ms: cython.longlong) -> bytes | None:
        """The value of `field`; None when there is no such field or it is due at `now_ms`."""
        if self.deadlines is not None and self.is_due(field, now_ms):
            return None
        return self.get(field)

    def is_due(self, field: bytes, now_ms: cython.longlong) -> cython.bint:
        """Has `field` a deadline that has passed at `now_ms`?"""
        return self.deadlines is not None and self.deadlines.is_due(field, now_ms)

    def has_due(self, now_ms: cython.longlong) -> cython.bint:
        """May there be fields that are due at `now_ms`?"""
        return self.deadlines is not None and self.deadlines.has_due(now_ms)

    def live(self, now_ms: cython.longlong) -> dict[bytes, bytes]:
        """Fields and values but those due at `now_ms`; it may be the hash's own dict, so it is to be read at once."""
        fields: dict[bytes, bytes] = self.to_dict()
        if not self.has_due(now_ms):
            return fields
        return {field: value for field, value in fields.items() if not self.is_due(field, now_ms)}

    def set(
        self, field: bytes, value: bytes, now_ms: cython.longlong, keep_deadline: cython.bint = False
    ) -> cython.bint:
        """Give `field` a value; True when it is new, as one is that was due at `now_ms`.

        It loses its deadline unless `keep_deadline`. Counts as a change even when it had the same value.
        """
        if self.deadlines is not None and self.deadlines.is_due(field, now_ms):
            self.lapse(field)
        # Before it comes: what fails then has changed nothing.
        if self.form != HASHTABLE and not self.admits(field, value):
            self.become(HASHTABLE)
        is_new: cython.bint = self.put(field, value)
        if self.deadlines is not None and not keep_deadline and self.deadlines.has(field):
            self.drop_deadline(field)
        return is_new

    def set_until(self, field: bytes, value: bytes, deadline_ms: cython.longlong, now_ms: cython.longlong) -> None:
        """Give `field` a value and a deadline in milliseconds since the epoch, both or, without memory, neither."""
        if self.deadlines is not None and self.deadlines.is_due(field, now_ms):
            self.lapse(field)
        deadlines: FieldDeadlines = FieldDeadlines(self) if self.deadlines is None else self.deadlines
        deadlines.put(self, field, value, deadline_ms, now_ms)
        self.deadlines = deadlines
        self.become(HASHTABLE)

    def admits(self, field: bytes, value: bytes) -> cython.bint:
        """Does the encoding stay, if it is a listpack, when `field` gets that value?"""
        excess: cython.Py_ssize_t = len(self) - self.limits.hash_max_listpack_entries
        return (
            len(field) <= self.limits.hash_max_listpack_value
            and len(value) <= self.limits.hash_max_listpack_value
            and (excess < 0 or (excess == 0 and self.has(field)))
        )

    def lapse(self, field: bytes) -> None:
        """Remove a field that is due, to be told of."""
        lapsed: list[bytes] = [] if self.lapsed is None else self.lapsed
        lapsed.append(field)
        self.delete(field)
        self.lapsed = lapsed

    @cython.ccall
    @cython.returns(list)
    def take_lapsed(self) -> list[bytes] | None:
        """The fields that were due and had to go for new ones; they are forgotten here."""
        lapsed = self.lapsed
        self.lapsed = None
        return lapsed

    def delete(self, field: bytes) -> cython.bint:
        """Delete `field`; False when there is no such field."""
        if self.deadlines is not None and self.deadlines.has(field):
            self.drop_deadline(field)
        return self.drop(field)

    def deadline(self, field: bytes) -> int | None:
        """The deadline of `field` in milliseconds since the epoch; None when it has none."""
        return None if self.deadlines is None else self.deadlines.get(field)

    def set_deadline(self, field: bytes, deadline_ms: int | None, now_ms: cython.longlong = 0) -> bool:
        """Give `field` a deadline in milliseconds since the epoch, or take it away with None.

        Without `now_ms` its index comes up early once, to look at the time.
        False, and no change, when there is no such field or nothing to take away. Any deadline counts as a change, and
        makes the encoding "hashtable".
        """
        if not self.has(field):
            return False
        if deadline_ms is None:
            if self.deadlines is None or not self.deadlines.has(field):
                return False
            self.drop_deadline(field)
            self.revision += 1
            return True
        deadlines: FieldDeadlines = FieldDeadlines(self) if self.deadlines is None else self.deadlines
        deadlines.set(field, deadline_ms, now_ms)
        self.deadlines = deadlines
        self.become(HASHTABLE)
        self.revision += 1
        return True

    def drop_deadline(self, field: bytes) -> None:
        """Forget the deadline that `field` has."""
        if self.deadlines is not None:
            self.deadlines.drop(field)
            if not self.deadlines.count:
                self.deadlines = None
                self.draw_in()

    @cython.ccall
    def next_deadline(self) -> cython.longlong:
        """A time in milliseconds since the epoch, not later than the first deadline; NEVER_MS when there is none."""
        return NEVER if self.deadlines is None else self.deadlines.next_ms()

    @cython.ccall
    @cython.returns(list)
    def expire_elements(  # type: ignore[no-untyped-def]
        self,
        now_ms: cython.longlong,
        most: cython.Py_ssize_t,
        kept: dict | None,  # type: ignore[type-arg]
    ):
        """Remove the fields due at `now_ms`, at most `most`, and return them, about in the order of their deadlines.

        Their values and deadlines are put into `kept`, if there is one, and there is memory for them.
        """
        if self.next_deadline() > now_ms or self.deadlines is None:
            return []
        removed: list[bytes] = self.deadlines.pop_due(now_ms, most)
        if kept is not None:
            try:
                for field in removed:
                    kept[field] = self.get(field), self.deadlines.get(field)
            except MemoryError:
                pass  # their time is over all the same
        for field in removed:
            self.drop(field)
        self.deadlines.forget(removed)
        if not self.deadlines.count:
            self.deadlines = None
            self.draw_in()
        return removed

    def copy(self) -> "Hash":
        """A hash of its own with the same fields, deadlines and encoding."""
        other = Hash(self.limits)
        other.take_over(self)
        if self.deadlines is not None:
            other.deadlines = self.deadlines.copy(other)
        return other

    def memory_usage(self) -> int:
        """Estimated bytes of the hash, its fields and values."""
        total: int = Elements.memory_usage(self)
        return total + self.deadlines.memory_usage() if self.deadlines is not None else total

    def release(self, count: cython.Py_ssize_t) -> bool:
        """Free up to `count` fields, of a hash that no key holds any more; True when none is left.

        Deadlines go last, in slices as well.
        """
        if len(self):
            return Elements.release(self, count) and self.deadlines is None
        if self.deadlines is not None and self.deadlines.release(count):
            self.deadlines = None
        return self.deadlines is None
