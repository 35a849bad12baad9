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
        cdef long long filed_ms
        cdef bint is_new
        if self.table.seek(field) == ABSENT:
            raise LookupError("there is no such field")
        is_new = self.table.deadline() == NEVER
        filed_ms = self.table.filed()
        if self.index is None:
            if filed_ms == 0:
                self.few.add(self.table.ticket())
            self.table.set_times(deadline_ms, FEW_MS)
            self.first_ms = min(self.first_ms, deadline_ms)
        else:
            if filed_ms == 0 or deadline_ms < filed_ms:
                filed_ms = self.index.file(self.table, max(deadline_ms, 1), now_ms)
                self.index.stale += self.table.filed() != 0
            self.table.set_times(deadline_ms, filed_ms)
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
        return [(field, self.table.deadline()) for field in self.table.keys(-1) if self.has(field)]

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
        cdef Py_ssize_t left = MOST_SEEN + most, start, size, before
        cdef long long time_ms
        cdef Tickets tickets
        if self.index is None:
            return self.pop_few(now_ms, most)
        while left > 0 and len(due) < most:
            popped = self.index.pop_due(now_ms)
            if popped is None:
                break
            time_ms, tickets = popped
            size = len(tickets)
            before = len(due)
            start = max(0, size - min(left, most - before))
            try:
                self.visit(tickets, start, size, time_ms, now_ms, due)
                tickets.release(size - start)
            except MemoryError:  # as if this bucket had not come up
                self.refile(due, before, time_ms)
                self.put_back(time_ms, tickets)
                if due:
                    return due
                raise
            self.put_back(time_ms, tickets)
            left -= size - start
        return due

    cdef list pop_few(self, long long now_ms, Py_ssize_t most):
        """`pop_due` while the fields are few."""
        cdef list due = []
        cdef Tickets kept = self.counting()
        cdef Py_ssize_t at
        cdef long long first_ms = NEVER
        for at in range(len(kept)):
            self.table.redeem(kept, at, FEW_MS)
            if self.table.deadline() <= now_ms and len(due) < most:
                due.append(self.table.key())
            else:
                first_ms = min(first_ms, self.table.deadline())
        for field in due:
            self.table.seek(field)
            self.table.set_times(self.table.deadline(), 0)
        self.few = kept
        self.first_ms = first_ms
        return due

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
            filed.append(index.file(self.table, max(self.table.deadline(), 1), now_ms))
        # Nothing that needs memory is left to do.
        for at in range(len(kept)):
            self.table.redeem(kept, at, FEW_MS)
            self.table.set_times(self.table.deadline(), filed[at])
        self.few = None
        self.index = index

    cdef put_back(self, long long time_ms, Tickets tickets):
        """What is left of a bucket that came up comes up again."""
        if len(tickets):
            self.sweeping = None
            self.index.put_back(time_ms, tickets)

    cdef refile(self, list due, Py_ssize_t start, long long time_ms):
        """Give those of `due` from `start` on back to the tickets of that bucket."""
        for field in due[start:]:
            self.table.seek(field)
            self.table.set_times(self.table.deadline(), time_ms)
        del due[start:]

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
                due.append(self.table.key())
                self.table.set_times(deadline_ms, 0)
            else:
                self.table.set_times(deadline_ms, self.index.file(self.table, deadline_ms, now_ms))

    cpdef forget(self, list fields):
        """Forget the deadlines of fields that were taken."""
        self.count -= len(fields)

    cdef tidy(self, long long now_ms):
        """Have an index if the fields are many, and sweep out some stale tickets if these are."""
        if self.index is None:
            if self.count > MOST_FEW:
                self.to_many(now_ms)
            elif len(self.few) > 2 * MOST_FEW:
                self.few = self.counting()
            return
        if self.sweeping is None:
            if not self.index.overdue():
                return
            self.sweeping = self.index.sweep(self.table)
        if next(self.sweeping, None) is None:
            self.sweeping = None

    cpdef bint release(self, Py_ssize_t count) except -1:
        """Free up to `count` deadlines, which nobody asks for any more; True when none is left.

        They are in records that are gone already.
        """
        return True

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
