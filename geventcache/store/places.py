# cython: boundscheck=False, wraparound=False
"""The places of a database's table: what has to be seen to when a value comes to one, changes there, or goes.

- The table remembers one place (base/table.py). Methods that say "at the place" need it at their key; whoever has
  announced something looks the key up again.
- **Expiry**: whoever finds a key due removes it, in `expire`, which the batch worker uses as well: the ``expired``
  event fires once. Where another server decides what is over (`Changes.keeps_due`), what is due is hidden all the same,
  but stays until a request removes it, which is carried out on a clock that stands still.
- **Loss**: what goes without a command that asked for it (expired, evicted) is told to `Changes.lost`, since only so
  can it go elsewhere in the same order. A key is told of before it goes: where that fails, it is there to go later.
- **Memory**: what needs some (a ticket, a weight for the account) is seen to before a value comes to its place. So what
  fails for want of it has changed nothing, and after a change all that depends on it follows.
- **Deadlines of elements**: where elements of a container have deadlines, its key's one ticket also comes up at the
  first of them. The worker then removes what is due; until it has been there, the container hides it.

What commands call is `store.keyspace.Keyspace`, which has all of this.
"""

from typing import Any

import cython

from geventcache.base.deadlines import Deadlines
from geventcache.base.events import event
from geventcache.base.table import ABSENT, DUE, END, OBJECT, PACKED, Table
from geventcache.base.times import NEVER_MS
from geventcache.store.account import Account, object_size
from geventcache.store.uses import Uses
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

NEVER = NEVER_MS
# The types of containers that the table holds packed, in the order of its kinds from PACKED on. Their unpackers are
# looked up once: a request with a small container needs one.
CONTAINERS: list[Any] = [Hash, Set, SortedSet, List]
KINDS = {container: PACKED + place for place, container in enumerate(CONTAINERS)}
UNPACKERS = [container.unpack for container in CONTAINERS]
LARGE_VALUE = 64
ELEMENTS_A_VISIT = 512
MOST_A_PAGE = 1 << 31
CURSOR_BITS = END.bit_length() - 1
MOST_TRIES = 100

DEL = event(b"del", "g")
EVICTED = event(b"evicted", "e")
EXPIRED = event(b"expired", "x")
NEW = event(b"new", "n")
STRING = b"string"


class Places:
    """The table of a database, with all that depends on what stands where.

    Attributes:
        index: the number of the database.
        table: its keys.
        volatile: how many of them have a deadline.
        volatile_containers: how many keys have elements that have one.
        expired, expired_elements: keys, and elements of containers, removed because their time had come.
        evicted: keys removed because memory was full.
        account: the Account of its memory, None while no limit asks for it.
        uses: the Uses of its keys, None while no policy goes by them.
        observed: somebody listens to changes.
    """

    def __init__(self, index, clock, limits, changes, graveyard) -> None:
        self.index = index
        self.clock = clock
        self.limits = limits
        self.changes = changes
        self.graveyard = graveyard
        self.expired = 0
        self.expired_elements = 0
        self.evicted = 0
        self.account: Account | None = None
        self.uses: Uses | None = None
        self.observed = False
        self.reset()

    def reset(self):
        """Begin empty; without memory for that, nothing has changed."""
        table, deadlines = Table(), Deadlines(self)
        self.table = table
        self.deadlines = deadlines
        self.volatile_containers = 0

    @property
    def volatile(self) -> int:
        """How many keys have a deadline."""
        return self.table.volatile

    # ------------------------------------------------------------------ the place of a key

    def seek(self, key):
        """Go to the place of `key`; return the kind of its value, ABSENT if there is none. What is due is removed."""
        kind: cython.int = self.table.seek_at(key, self.clock.now_ms)
        if kind == DUE:
            if self.changes.keeps_due:
                return ABSENT
            self.expire(key)
            kind = self.table.seek(key)
        return kind

    def type_at(self, key):
        """The name of the type of the value at `key`, be it due or not; None without a key."""
        kind: cython.int = self.table.seek(key)
        if kind == ABSENT:
            return None
        if kind >= PACKED:
            return CONTAINERS[kind - PACKED].type_name
        return type_name_of(self.table.object())

    def deadline(self, key):
        """The deadline of `key` in milliseconds: NEVER when it has none, 0 when there is no such key."""
        return 0 if self.seek(key) == ABSENT else self.table.deadline()

    def usage(self, key):
        """Bytes that a key takes with its value; 0 if there is no such key."""
        if self.seek(key) == ABSENT:
            return 0
        value = self.table.object()
        return self.table.size() + (0 if value is None else object_size(value))

    def unpack(self, run, kind):
        """A container over a run of bytes, as the table holds it."""
        return UNPACKERS[kind - PACKED](run, self.limits)

    # ------------------------------------------------------------------ values that come and go

    def store(self, key, value, deadline_ms):
        """Put a value and a deadline into the table, at the place; a container packed if it can be.

        If there is no memory for it, nothing has changed. Returns what the value is to the account (`Account.weight`).
        """
        due_ms: cython.longlong = deadline_ms
        weight: object = None
        if isinstance(value, Container):
            container: Container = value
            due_ms = min(due_ms, container.next_deadline())
            run = container.pack() if self.table.packs else None
            if run is not None:
                self.table.put_packed(KINDS[type(value)], run, deadline_ms, self.filed_by(due_ms))
                return None
        filed_ms: cython.longlong = self.filed_by(due_ms)
        try:
            if self.account is not None:
                weight = self.account.weight(key, value)
            if deadline_ms == NEVER and filed_ms == 0:
                self.table.put(value)
            else:
                self.table.put_until(value, deadline_ms, filed_ms)
        except MemoryError:
            if self.account is not None:
                self.account.let_be(key)
            raise
        return weight

    def placed(self, key, kind, old, weight):
        """At the place another value has taken the place of one of that kind: see to all that depends on either.

        Args:
            old: the value that was there, if it was an object.
            weight: what `store` returned.
        """
        self.received(key, kind, old, weight)
        if kind == ABSENT and self.observed:
            self.changes.announce(self, key, NEW)

    def received(self, key, kind, old, weight):
        """`placed`, of what is told of later."""
        if old is not None:
            self.let_go(old)
        self.stored(key, old, weight)
        if self.uses is not None:
            if kind == ABSENT:
                self.uses.begin(self.table)
            else:
                self.uses.note(self.table)

    def stored(self, key, old, weight):
        """At the place is another value, or what a container has become: see to its deadlines and to the account."""
        value = self.table.object()
        if isinstance(value, Container):
            self.follow(value)
        if self.account is not None:
            self.account.exchange(key, old, value, weight)
            self.account.sync()

    def filed_by(self, due_ms):
        """A ticket of the key at the place shall come up by `due_ms`: return the time of its bucket, to be noted then.

        That is the one it has, if it has one in time. NEVER asks for none.
        """
        filed_ms: cython.longlong = self.table.filed()
        if due_ms == NEVER or 0 < filed_ms <= due_ms:
            return filed_ms
        due_ms = self.deadlines.file(self.table, due_ms, self.clock.real_ms())
        if filed_ms != 0:
            self.deadlines.stale += 1
        return due_ms

    def follow(self, value):
        """A container is new at the place, or has another next deadline: its ticket shall come up in time."""
        due_ms: cython.longlong = value.next_deadline()
        self.mark(value, due_ms != NEVER)
        self.file(due_ms)

    def file(self, due_ms):
        """A ticket of the key at the place shall come up by `due_ms`."""
        filed_ms: cython.longlong = self.filed_by(due_ms)
        if filed_ms != self.table.filed():
            self.table.set_times(self.table.deadline(), filed_ms)

    def mark(self, value, is_volatile):
        """Note whether elements of a container have deadlines."""
        if value.is_volatile != is_volatile:
            value.is_volatile = is_volatile
            self.volatile_containers += 1 if is_volatile else -1

    def retime(self, deadline_ms, filed_ms):
        """Give the key at the place other times: a use of it."""
        self.table.set_times(deadline_ms, filed_ms)
        if self.account is not None:
            self.account.sync()
        if self.uses is not None:
            self.uses.note(self.table)

    def take_out(self, key):
        """Remove the key at the place, silently; its value is let go."""
        old = self.detach(key)
        if old is not None:
            self.let_go(old)

    def let_go(self, old):
        """An object has left the table; a large container waits to be freed in slices."""
        if isinstance(old, Container):
            self.mark(old, False)
            if len(old) > LARGE_VALUE:
                try:  # noqa: SIM105 (`suppress` is an object that takes memory)
                    self.graveyard.append(old)
                except MemoryError:
                    pass  # it is freed at once

    def detach(self, key):
        """`take_out`, of a value that has gone elsewhere; it is returned if it is an object."""
        old = self.table.object()
        if self.table.filed() != 0:
            self.deadlines.stale += 1
        self.table.remove()
        if isinstance(old, Container):
            self.mark(old, False)
        if self.account is not None:
            if old is not None:
                self.account.release(key, old)
            self.account.sync()
        return old

    def drop_empty(self, key, value):
        """Remove the container `value`, now empty, from `key` if it is still there."""
        kind: cython.int = self.table.seek(key)
        if kind >= PACKED or (kind == OBJECT and self.table.object() is value):
            self.take_out(key)
            self.tell(key, DEL)

    def preserve(self, key):
        """The value at `key` is about to be changed in place: who watches the table takes it before."""
        if self.table.watcher is not None and self.table.seek(key) == OBJECT:
            self.table.preserve()

    # ------------------------------------------------------------------ what is told

    def announce(self, key, event):
        """Count a change and tell the listeners."""
        self.changes.dirty += 1
        if self.observed:
            self.changes.announce(self, key, event)

    def tell(self, key, event):
        """Tell the listeners of a change that is not counted: it is part of another one, or nobody asked for it."""
        if self.observed:
            self.changes.announce(self, key, event)

    def notify(self, key, event):
        """Tell of an event that is no change; see `Changes.notify`."""
        if self.observed:
            self.changes.notify(self, key, event)

    # ------------------------------------------------------------------ what goes unasked

    def evict(self, key):
        """Delete a key because memory is full; return whether it was there."""
        if self.seek(key) == ABSENT:
            return False
        self.changes.lost(self, key, None)
        self.take_out(key)
        self.evicted += 1
        self.tell(key, EVICTED)
        return True

    def expire(self, key):
        """Remove the key at the place, whose time has come: the one way in which keys expire."""
        self.changes.lost(self, key, None)
        self.take_out(key)
        self.expired += 1
        self.tell(key, EXPIRED)

    def last_value(self, key):
        """The value of a key that is about to be lost, whose place the table is at, and stays at."""
        kind: cython.int = self.table.seek(key)
        return self.table.value() if kind < PACKED else self.unpack(self.table.value(), kind)

    def note_expired(self, key, value, names, kept=None):
        """Tell that these elements of the container at `key` were removed because their time had come."""
        self.expired_elements += len(names)
        self.changes.lost(self, key, names, kept)
        self.tell(key, value.expired_event)

    def expire_elements(self, key, value, most, lags):
        """At the place, whose ticket came up: remove up to `most` elements that are due; return how many.

        The next visit is seen to.
        """
        now_ms: cython.longlong = self.clock.now_ms
        due_ms: cython.longlong = value.next_deadline()
        self.table.preserve()
        kept: Any = None if self.changes.on_losing is None else {}
        names: list = value.expire_elements(now_ms, most, kept)
        count: cython.Py_ssize_t = len(names)
        if count:
            if self.account is not None:
                self.account.follow(key, value)
            lags.record(now_ms - due_ms)
            if not len(value):
                self.note_expired(key, value, names, kept)
                self.drop_empty(key, value)
                self.deadlines.stale -= 1  # the ticket in hand will not come up again
                return count
        due_ms = value.next_deadline()
        self.mark(value, due_ms != NEVER)
        try:
            self.revisit(min(due_ms, self.table.deadline()))
        finally:  # without memory for another ticket the one in hand stays good, and the elements are gone
            if count:
                self.note_expired(key, value, names, kept)
        return count

    def revisit(self, due_ms):
        """At the place, whose ticket came up: issue another for `due_ms`, none for NEVER."""
        filed_ms: cython.longlong = 0
        if due_ms != NEVER:
            filed_ms = self.deadlines.file(self.table, due_ms, self.clock.real_ms())
        self.table.set_times(self.table.deadline(), filed_ms)

    def visit(self, tickets, start, stop, time_ms, lags):
        """Redeem tickets[start:stop] of the bucket `time_ms`; return how many keys, and elements, expired.

        A container with many elements that are due is filed again for the rest.

        Args:
            lags: a Histogram that takes the milliseconds between deadline and removal.
        """
        i: cython.Py_ssize_t
        removed: cython.Py_ssize_t = 0
        count: cython.Py_ssize_t
        spare: cython.Py_ssize_t = ELEMENTS_A_VISIT
        now_ms: cython.longlong = self.clock.now_ms
        deadline_ms: cython.longlong
        table: Table = self.table
        for i in range(start, stop):
            if table.redeem(tickets, i, time_ms) == ABSENT:
                if self.deadlines.stale > 0:
                    self.deadlines.stale -= 1
                continue
            deadline_ms = table.deadline()
            if deadline_ms <= now_ms:
                lags.record(now_ms - deadline_ms)
                self.expire(table.key())
                self.deadlines.stale -= 1  # the ticket in hand will not come up again
                removed += 1
                continue
            value = table.object()
            if isinstance(value, Container) and value.is_volatile:
                count = self.expire_elements(table.key(), value, 1 + spare, lags)
                removed += count
                spare -= max(0, count - 1)
            else:
                self.revisit(deadline_ms)
        return removed

    # ------------------------------------------------------------------ all keys

    def __len__(self):
        """Keys, those that are due but not yet removed included."""
        return self.table.count

    def keys(self):
        """All live keys, as a list."""
        return self.table.keys(self.clock.now_ms)

    def scan(self, cursor, count, matches=None, type_name=None):
        """A page of a scan over all keys: the next cursor, 0 at the end, and those that are wanted of about `count`.

        A cursor is a position of the table, its bits mirrored: a key that stays for the whole scan is given out exactly
        once. What is due is removed if it was wanted.

        Args:
            cursor: 0 to begin, or what the last page returned.
            count: at least 1.
            matches: is the key wanted by its name? None for all.
            type_name: the type that is wanted; None for all.
        """
        if cursor >= END:
            return 0, []
        keys: list
        position, keys = self.table.page(mirrored(cursor), min(count, MOST_A_PAGE))
        if matches is not None:
            keys = [key for key in keys if matches(key)]
        if type_name is not None:
            keys = [key for key in keys if self.type_at(key) == type_name]
        cursor = mirrored(position) if position < END else 0
        return cursor, [key for key in keys if self.seek(key) != ABSENT]

    def position(self, key):
        """Where a scan comes to `key`, whether there is such a key or not: scans go by rising positions."""
        return self.table.position(key)

    def random_key(self):
        """A live key, each as likely as any other; None when there is none.

        Where what is due stays, and is nearly all that there is, none may be found.
        """
        tries: cython.int = 0
        while tries < MOST_TRIES:
            key = self.table.random_key()
            if key is None or self.seek(key) != ABSENT:
                return key
            tries += self.changes.keeps_due
        return None

    def flush(self):
        """Delete all keys without events of their own; their memory is freed in slices. Returns how many there were."""
        size: cython.Py_ssize_t = len(self)
        table, deadlines = self.table, self.deadlines
        self.reset()
        self.deadlines.on_earlier = deadlines.on_earlier
        self.changes.dirty += size
        if self.account is not None:
            self.account.clear()
        try:
            self.graveyard.append(table)
            self.graveyard.extend(deadlines.buckets.values())
        except MemoryError:
            pass  # what has no place is freed at once
        if self.observed:
            self.changes.flushed(self)
        return size

    def take_over(self, other):
        """Have the keys of `other`, which nobody else knows, in the place of all that is here; return how many."""
        self.flush()
        on_earlier = self.deadlines.on_earlier
        self.table = other.table
        self.deadlines = other.deadlines
        self.deadlines.keyspace = self
        self.deadlines.on_earlier = on_earlier
        self.volatile_containers = other.volatile_containers
        if self.account is not None:
            self.account.begin_anew()
        self.changes.dirty += len(self)
        return len(self)

    def swap(self, other):
        """Exchange all keys with another database."""
        for name in ("table", "deadlines", "volatile_containers"):
            mine = getattr(self, name)
            setattr(self, name, getattr(other, name))
            setattr(other, name, mine)
        self.deadlines.keyspace = self
        other.deadlines.keyspace = other
        if self.account is not None:
            self.account.swap(other.account)
        self.changes.dirty += 1
        if self.observed:
            self.changes.swapped(self, other)


def type_name_of(v):
    """The wire's name of a value's type."""
    return v.type_name if isinstance(v, Container) else STRING


def mirrored(position):
    """A position with its bits in the opposite order, and the other way round.

    Pages end where the low bits of a position are zeros, so that this is a small number: redis-cli's import into a
    cluster keeps but 32 bits of a cursor.
    """
    return int(f"{position:0{CURSOR_BITS}b}"[::-1], 2)
