# cython: language_level=3, boundscheck=False, wraparound=False
"""The deadlines of field_deadlines.py, which says what they are to their users, in the records of the hash's Table.

Tickets find the fields again, 8 bytes each. While they are few, all are looked at when the first of them may be due;
many have an index as the keys of a database have one (base/deadlines.py).

The invariants:

- A field has a deadline exactly if it has a ticket that counts; only between `pop_due` and `forget` it has none.
- There is no index exactly if there are `few`: the tickets of the one bucket FEW_MS, each perhaps more than once, or of
  fields that have no deadline any more. `first_ms` is not later than any of their deadlines.
"""

from geventcache.base.deadlines cimport Deadlines
from geventcache.base.table cimport ABSENT, Table, Tickets
from geventcache.types.elements cimport Elements

from geventcache.base.times import NEVER_MS

cdef long long NEVER = NEVER_MS
cdef enum:
    # Tickets that come up at once. Most are of fields that are not due yet, and are filed anew, nearer to their time.
    MOST_SEEN = 64
    MOST_FEW = 64
    FEW_MS = 1
    OWN_BYTES = 160
    INDEX_BYTES = 600  # without buckets and tickets


cdef class FieldDeadlines:
    """Deadlines in milliseconds since the epoch, by field.

    Attributes:
        count: how many fields have one.
    """

    def __init__(self, Elements fields):
        self.table = fields.spread_out()
        self.few = Tickets()
        self.first_ms = NEVER

    cpdef set(self, bytes field, long long deadline_ms, long long now_ms):
        """Give a field that is there a deadline, in place of one that it has."""
        if self.table.seek(field) == ABSENT:
            raise LookupError("there is no such field")
        self.give(None, deadline_ms, now_ms)

    cpdef put(self, Elements fields, bytes field, bytes value, long long deadline_ms, long long now_ms):
        """Give a field, which may be new, a value and a deadline at once: without memory neither."""
        self.table.seek(field)
        self.give(value, deadline_ms, now_ms)
        fields.revision += 1

    cdef give(self, bytes value, long long deadline_ms, long long now_ms):
        """Give the field at the place a deadline, and a value unless that is None."""
        cdef long long filed_ms = self.table.filed()
        cdef bint is_new = self.table.deadline() == NEVER, was_filed = filed_ms != 0
        if self.index is None:
            if not was_filed:
                self.few.add(self.table.ticket())
            filed_ms = FEW_MS
        elif not was_filed or deadline_ms < filed_ms:
            filed_ms = self.index.file(self.table, deadline_ms, now_ms)
            self.index.stale += was_filed
        if value is None:
            self.table.set_times(deadline_ms, filed_ms)
        else:
            self.table.put_until(value, deadline_ms, filed_ms)
        self.first_ms = min(self.first_ms, deadline_ms)
        self.count += is_new
        self.tidy(now_ms)

    cpdef drop(self, bytes field):
        """Forget the deadline that a field has."""
        self.table.seek(field)
        self.table.set_times(NEVER, 0)
        self.count -= 1
        if self.index is not None:
            self.index.stale += 1
            self.tidy(0)

    cpdef get(self, bytes field):
        """The deadline of a field; None when it has none."""
        return self.table.deadline() if self.has(field) else None

    cpdef bint has(self, bytes field) except -1:
        """Has a field a deadline?"""
        return self.table.seek(field) != ABSENT and self.table.deadline() != NEVER

    cpdef bint is_due(self, bytes field, long long now_ms) except -1:
        """Has a field a deadline that has passed at `now_ms`?"""
        return self.table.seek(field) != ABSENT and self.table.deadline() <= now_ms

    def items(self):
        """All fields that have one, with it."""
        cdef Tickets kept
        cdef Py_ssize_t at
        cdef list found = []
        if self.index is not None:
            return [(field, self.table.deadline()) for field in self.table.keys(-1) if self.has(field)]
        kept = self.counting()
        for at in range(len(kept)):
            self.table.redeem(kept, at, FEW_MS)
            found.append((self.table.key(), self.table.deadline()))
        return found

    cpdef long long next_ms(self):
        """A time that is not later than the first deadline; NEVER_MS when there is none."""
        if self.count == 0:
            return NEVER
        return self.first_ms if self.index is None else self.index.next_ms

    cpdef list pop_due(self, long long now_ms, Py_ssize_t most):
        """Take up to `most` fields whose deadlines have passed at `now_ms`, about in the order of their deadlines.

        It may take fewer, or none, though more have passed: the next call goes on. Whoever takes them deletes them, and
        has to `forget` them then.
        """
        cdef list due = []
        try:
            if self.index is None:
                self.pop_few(now_ms, most, due)
            else:
                self.pop_many(now_ms, most, due)
        except MemoryError:  # each of these was taken wholly, and the others have their tickets still
            if not due:
                raise
        return due

    cdef pop_many(self, long long now_ms, Py_ssize_t most, list due):
        """`pop_due` with an index."""
        cdef Py_ssize_t left = MOST_SEEN + most, start, size
        cdef Tickets tickets
        while left > 0 and len(due) < most:
            tickets = self.index.first_due(now_ms)
            if tickets is None:
                break
            size = len(tickets)
            start = max(0, size - min(left, most - len(due)))
            self.visit(tickets, start, size, self.index.next_ms, now_ms, due)
            self.drop_last(tickets, size - start)
            left -= size - start

    cdef pop_few(self, long long now_ms, Py_ssize_t most, list due):
        """`pop_due` while the fields are few."""
        cdef Py_ssize_t at
        self.few = self.counting()
        for at in range(len(self.few)):
            if self.table.redeem(self.few, at, FEW_MS) != ABSENT and self.table.deadline() <= now_ms:
                if len(due) == most:
                    break
                self.take(due)
        self.find_first()

    cdef take(self, list due):
        """Take the field at the place, which is due: it has no ticket any more."""
        self.table.preserve()
        due.append(self.table.key())
        self.table.set_times(self.table.deadline(), 0)

    cdef Tickets counting(self):
        """The tickets of the few that count, each once."""
        cdef Tickets kept = Tickets()
        self.table.sift(self.few, 0, len(self.few), FEW_MS, kept)
        return kept

    cdef to_many(self, long long now_ms):
        """Have an index."""
        cdef Tickets kept = self.counting()
        cdef Deadlines index = Deadlines(None)
        cdef Py_ssize_t at
        cdef list filed = []
        for at in range(len(kept)):
            self.table.redeem(kept, at, FEW_MS)
            self.table.preserve()
            filed.append(index.file(self.table, self.table.deadline(), now_ms))
        # Nothing that needs memory is left to do.
        for at in range(len(kept)):
            self.table.redeem(kept, at, FEW_MS)
            self.table.set_times(self.table.deadline(), filed[at])
        self.few = None
        self.index = index

    cdef drop_last(self, Tickets tickets, Py_ssize_t count):
        """The last tickets of a bucket were redeemed."""
        self.sweeping = None
        self.index.release_last(tickets, count)

    cpdef bint has_due(self, long long now_ms) except -1:
        """May a deadline have passed at `now_ms`? What is not due yet is filed anew, so that the answer is mostly true."""
        cdef Tickets tickets
        cdef Py_ssize_t seen, size
        cdef long long time_ms
        cdef list due = []
        if self.next_ms() > now_ms:
            return False
        if self.index is None:
            self.find_first()
            return self.first_ms <= now_ms
        for seen in range(MOST_SEEN):
            tickets = self.index.first_due(now_ms)
            if tickets is None:
                return False
            time_ms = self.index.next_ms
            size = len(tickets)
            self.visit(tickets, size - 1, size, time_ms, now_ms, due)
            if due:
                self.refile(due, time_ms)
                return True
            self.drop_last(tickets, 1)
        return True

    cdef find_first(self):
        """Find out which deadline of the few is the first."""
        cdef Py_ssize_t at
        cdef long long first_ms = NEVER
        for at in range(len(self.few)):
            if self.table.redeem(self.few, at, FEW_MS) != ABSENT:
                first_ms = min(first_ms, self.table.deadline())
        self.first_ms = first_ms

    cdef refile(self, list due, long long time_ms):
        """Give those that were taken back to the tickets of that bucket."""
        for field in due:
            self.table.seek(field)
            self.table.set_times(self.table.deadline(), time_ms)

    cdef visit(
        self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, long long now_ms, list due
    ):
        """Redeem tickets[start:stop] of the bucket `time_ms`: what is due is taken, the rest filed anew."""
        cdef Py_ssize_t at
        cdef long long deadline_ms
        for at in range(start, stop):
            if self.table.redeem(tickets, at, time_ms) == ABSENT:
                self.index.stale -= self.index.stale > 0
                continue
            deadline_ms = self.table.deadline()
            if deadline_ms <= now_ms:
                self.take(due)
            else:
                self.table.set_times(deadline_ms, self.index.file(self.table, deadline_ms, now_ms))

    cpdef forget(self, list fields):
        """Forget the deadlines of fields that were taken."""
        self.count -= len(fields)

    cdef tidy(self, long long now_ms):
        """Have an index if the fields are many, and sweep out some stale tickets if these are."""
        try:
            if self.index is None:
                if self.count > MOST_FEW:
                    self.to_many(now_ms)
                elif len(self.few) > 2 * MOST_FEW:
                    self.few = self.counting()
            elif self.sweeping is None and self.index.overdue():
                self.sweeping = self.index.sweep(self.table)
            elif self.sweeping is not None and next(self.sweeping, None) is None:
                self.sweeping = None
        except MemoryError:
            self.sweeping = None  # with the next change

    cpdef bint release(self, Py_ssize_t count) except -1:
        """Free up to `count` deadlines, which nobody asks for any more; True when none is left.

        They were in records that are gone already; what is left are tickets.
        """
        cdef dict buckets
        if self.index is None:
            return True
        buckets = self.index.buckets
        while buckets and count > 0:
            count -= 2 + len(buckets.popitem()[1]) // 64
        return not buckets

    cpdef FieldDeadlines copy(self, Elements fields):
        """The same deadlines for a copy of the fields."""
        cdef FieldDeadlines made = FieldDeadlines(fields)
        made.count = self.count
        made.first_ms = self.first_ms
        if self.index is None:
            made.few.extend(self.few, 0)
        else:
            made.few = None
            made.index = self.index.copy()
        return made

    cpdef Py_ssize_t memory_usage(self):
        """Bytes of the index; the deadlines are part of the Table."""
        if self.index is None:
            return OWN_BYTES + self.few.memory_usage()
        return OWN_BYTES + INDEX_BYTES + self.index.memory_usage()
