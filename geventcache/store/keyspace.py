# cython: boundscheck=False, wraparound=False
"""A database: the one owner of its keys.

Commands open keys by intent (`read`, `edit`, `put`, `delete`, ...) and never see a dict. So what must happen with every
access happens here and nowhere else:

- **Expiry**: a key is invisible from its deadline on, to every method. Whoever finds it due removes it, in `expire`,
  which the batch worker uses as well: the ``expired`` event fires once.
- **Type**: after expiry; a wrong one raises WRONGTYPE.
- **Change**: `put`, `replace`, `delete`, `set_deadline`, ... announce themselves when they are complete. A container
  opened by `edit` is compared with its revisions of before when the command settles: announced if it changed, deleted
  if it is empty.
- **Loss**: what goes without a command that asked for it (expired, evicted) is told to `Changes.lost`, since only so
  can it go elsewhere in the same order.
- **Deadlines of elements**: a container whose elements have deadlines is boxed, and its key's one ticket also comes up
  at the first of them. The worker then removes what is due; until it has been there, the container hides it.

Keys live in 256 dicts chosen by their hash: one dict of ten million keys stalls the loop for 0.9 s when it grows, these
for milliseconds; and a dict at a time is a natural slice for SCAN and FLUSHALL.

A string is kept as ``bytes``, as ``int`` (a counter: no parsing, 28 bytes), as ``bytearray`` (changed in place) or as
`Text`.
"""

from itertools import islice
from random import randrange
from typing import Any

import cython

from geventcache.base.errors import WRONG_TYPE, CommandError
from geventcache.base.times import NEVER_MS
from geventcache.store.account import Account
from geventcache.store.deadlines import Deadlines
from geventcache.store.entry import Entry
from geventcache.store.uses import Uses
from geventcache.types.container import Container

SHARDS = 256
NEVER = NEVER_MS
LARGE_VALUE = 64
ELEMENTS_A_VISIT = 512

DEL = b"del"
EVICTED = b"evicted"
EXPIRE = b"expire"
EXPIRED = b"expired"
PERSIST = b"persist"
NEW = b"new"


class Edit:
    """A container opened for change by `Keyspace.open`: what `Keyspace.settle` compares. It is used again and again.

    Attributes:
        key, value, event: what was opened and what tells of its change.
        is_new: it was made for this command.
        is_counted: its changes count (those of a list from which an element moves to another one do not).
        revision, side_revision, due_ms: the container's, and its next deadline, when it was opened.
    """

    if not cython.compiled:
        __slots__ = ("due_ms", "event", "is_counted", "is_new", "key", "revision", "side_revision", "value")

        key: bytes
        value: Container
        event: bytes | None
        is_new: bool
        is_counted: bool
        revision: int
        side_revision: int
        due_ms: int


class Keyspace:
    """One database.

    Attributes:
        index: its number.
        shards: 256 dicts of key -> value or Entry.
        boxed: how many values are entries.
        volatile, volatile_containers: how many keys have a deadline, and how many have elements that have one.
        hits, misses: how many reads found a key or none.
        expired, expired_elements: keys, and elements of containers, removed because their time had come.
        evicted: keys removed because memory was full.
        account: the Account of its memory, None while no limit asks for it.
        uses: the Uses of its keys, None while no policy goes by them.
        scanner: what SCAN keeps between two pages.
        observed: somebody listens to changes.
    """

    def __init__(self, index, clock, limits, changes, graveyard) -> None:
        self.index = index
        self.clock = clock
        self.limits = limits
        self.changes = changes
        self.graveyard = graveyard
        self.edits: list[Edit] = []
        self.opened = 0
        self.hits = 0
        self.misses = 0
        self.expired = 0
        self.expired_elements = 0
        self.evicted = 0
        self.account: Account | None = None
        self.uses: Uses | None = None
        self.observed = False
        self.reset()

    def reset(self):
        """Begin empty."""
        self.shards: list[dict[bytes, Any]] = [{} for _ in range(SHARDS)]
        self.deadlines = Deadlines(self)
        self.boxed = 0
        self.volatile = 0
        self.volatile_containers = 0
        self.has_containers = False
        self.scanner = None

    # ------------------------------------------------------------------ look-up

    def shard(self, key):
        """The dict that holds `key`, if the key exists."""
        return self.shards[hash(key) & 255]

    def find(self, key):
        """The value at `key`, whatever its type, or None. Counts nothing: for who writes, or only asks about keys."""
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        if type(v) is Entry:
            entry: Entry = v
            if entry.deadline_ms <= self.clock.now_ms:
                self.expire(key, entry)
                return None
            return entry.value
        return v

    def lookup(self, key):
        """`find`, counted as a hit or a miss, and as a use of the key: for commands that read."""
        v = self.glance(key)
        if v is not None and self.uses is not None:
            self.uses.touch(key)
        return v

    def glance(self, key):
        """`lookup` that is no use of the key: for commands that read about it."""
        v = self.find(key)
        if v is None:
            self.miss(key)
        else:
            self.hits += 1
        return v

    def miss(self, key):
        """A read found no key."""
        self.misses += 1
        if self.observed:
            self.changes.missed(self, key)

    def use(self, key):
        """Note a use of a key, were it by a client that is not to leave traces; return whether there is such a key."""
        v = self.glance(key)
        if v is not None and self.uses is not None:
            self.uses.note(key)
        return v is not None

    def string(self, key):
        """Read a string as bytes, None if there is none.

        Raises:
            CommandError: WRONGTYPE.
        """
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        if type(v) is bytes and self.uses is None:  # most are, and need no more calls
            self.hits += 1
            return v
        v = self.lookup(key)
        return None if v is None else as_string(v)

    def find_string(self, key):
        """`string`, uncounted."""
        v = self.find(key)
        if v is None or type(v) is bytes:
            return v
        return as_string(v)

    def read(self, key, kind):
        """Read the container at `key`, None if there is none.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.lookup(key)
        if v is not None and type(v) is not kind:
            raise CommandError(WRONG_TYPE)
        return v

    def peek(self, key, kind):
        """`read`, uncounted."""
        v = self.find(key)
        if v is not None and type(v) is not kind:
            raise CommandError(WRONG_TYPE)
        return v

    def deadline(self, key):
        """The deadline of `key` in milliseconds: NEVER when it has none, 0 when there is no such key."""
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        if type(v) is Entry:
            entry: Entry = v
            if entry.deadline_ms <= self.clock.now_ms:
                self.expire(key, entry)
                return 0
            return entry.deadline_ms
        return 0 if v is None else NEVER

    def is_boxed(self, key):
        """Does an Entry hold the value at `key`?"""
        return type(cython.cast(dict, self.shards[hash(key) & 255]).get(key)) is Entry

    # ------------------------------------------------------------------ change

    def edit(self, key, kind, event, is_counted=True):
        """Open the container at `key` for change, None if there is none; `event` tells of the change if there was one.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        if v is None:
            return None
        if type(v) is not kind:
            raise CommandError(WRONG_TYPE)
        self.open(key, v, event, False, is_counted)
        return v

    def edit_or_create(self, key, kind, event):
        """Open the container at `key` for change, or a new one (which stays only if the command fills it).

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        if v is None:
            v = kind(self.limits)
            shard: dict = self.shards[hash(key) & 255]
            shard[key] = v
            self.has_containers = True
            self.welcome(key, v)
            self.open(key, v, event, True, True)
            return v
        if type(v) is not kind:
            raise CommandError(WRONG_TYPE)
        self.open(key, v, event, False, True)
        return v

    def open(self, key, value, event, is_new, is_counted):
        """Note a container as opened for change."""
        if self.opened == len(self.edits):
            self.edits.append(Edit.__new__(Edit))
        edit: Edit = self.edits[self.opened]
        self.opened += 1
        edit.key = key
        edit.value = value
        edit.event = event
        edit.is_new = is_new
        edit.is_counted = is_counted
        edit.revision = value.revision
        edit.side_revision = value.side_revision
        edit.due_ms = value.next_deadline()
        if self.uses is not None and not is_new:
            self.uses.touch(key)

    def settle(self):
        """Announce what the finished command changed in the containers it had opened; delete the empty ones."""
        i: cython.Py_ssize_t = 0
        try:
            while i < self.opened:
                edit: Edit = self.edits[i]
                value: Container = edit.value
                i += 1
                beside: cython.longlong = value.side_revision - edit.side_revision
                count: cython.longlong = value.revision - edit.revision + beside
                changed: cython.bint = count != 0
                if self.account is not None:
                    self.account.follow(edit.key, value, beside != 0)
                if changed:
                    if edit.is_counted:
                        self.changes.dirty += count
                    if self.observed:
                        self.tell_of(edit, count == beside)
                    if value.next_deadline() != edit.due_ms:
                        self.follow(edit.key, value)
                if not len(edit.value) and not (value.keeps_empty and changed) and (changed or edit.is_new):
                    self.drop_empty(edit.key, edit.value, changed)
                edit.value = None  # type: ignore[assignment] # a container that is gone must not be kept
        finally:  # whatever a listener raises: an edit is settled once
            self.opened = 0

    def tell_of(self, edit, is_beside):
        """Tell the listeners of a container that changed, or only beside its elements."""
        if edit.is_new:
            self.changes.announce(self, edit.key, NEW)
        if edit.event is None:
            return
        if is_beside and not edit.is_new:
            self.changes.notify(self, edit.key, edit.event)
        else:
            self.changes.announce(self, edit.key, edit.event)

    def drop_empty(self, key, value, changed):
        """Remove the container `value`, now empty, from `key` if it is still there."""
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        if v is None:
            return
        if type(v) is Entry:
            entry: Entry = v
            if entry.value is not value:
                return
            self.unbox(entry)
        elif v is not value:
            return
        del shard[key]
        if self.account is not None:
            self.account.leave(key, value)
        if changed:
            self.tell(key, DEL)

    def put(self, key, value, event):
        """Store a value, whatever was there; the key has no deadline then."""
        shard: dict = self.shards[hash(key) & 255]
        old = None
        if (
            not self.observed
            and self.account is None
            and self.uses is None
            and (type(value) is bytes or type(value) is int)
        ):
            if self.boxed or self.has_containers:
                old = shard.get(key)
            if old is None or type(old) is bytes or type(old) is int:
                shard[key] = value
                self.changes.dirty += 1
                return
        else:
            old = shard.get(key)
        self.overwrite(shard, key, old, value)
        self.announce(key, event)

    def overwrite(self, shard, key, old, value):
        """Put `value` in place of `old`, None if there is nothing at `key`.

        The ticket of `old` stays usable, its elements are freed in slices.
        """
        if type(old) is Entry:
            entry: Entry = old
            if entry.deadline_ms > self.clock.now_ms:
                self.refill(key, entry, value, NEVER)
                return
            self.expire(key, entry)
            old = None
        shard[key] = value
        self.placed(key, old, value)

    def placed(self, key, old, value):
        """`value` has taken the place of `old`, None where there was nothing: see to all that depends on either."""
        if isinstance(value, Container):
            self.follow(key, value)
        if old is not None:
            self.supersede(key, old, value)
        else:
            self.welcome(key, value)
            if self.observed:
                self.changes.announce(self, key, NEW)

    def welcome(self, key, value):
        """A new key has come: account for it, and note its first use."""
        if self.account is not None:
            self.account.arrive(key, value)
        if self.uses is not None:
            self.uses.begin(key, len(cython.cast(dict, self.shards[hash(key) & 255])))

    def supersede(self, key, old, value):
        """Another value has taken the place of `old`: account for it, note the use, and let the old one go."""
        if self.account is not None:
            self.account.exchange(key, old, value)
        if self.uses is not None:
            self.uses.touch(key)
        self.dispose(old)

    def refill(self, key, entry, value, deadline_ms):
        """Put another value and deadline into an entry."""
        self.supersede(key, entry.value, value)
        if entry.has_volatile_elements:
            self.mark(entry, False)
        entry.value = value
        self.volatile += (deadline_ms != NEVER) - (entry.deadline_ms != NEVER)
        entry.deadline_ms = deadline_ms
        if deadline_ms != NEVER and (entry.filed_ms == 0 or deadline_ms < entry.filed_ms):
            self.deadlines.file(key, entry, deadline_ms, self.clock.now_ms)
        if isinstance(value, Container):
            self.follow(key, value)

    def follow(self, key, value):
        """A container is new at `key`, or has another next deadline: its ticket shall come up in time."""
        self.has_containers = True
        due_ms: cython.longlong = value.next_deadline()
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        entry: Entry
        if type(v) is Entry:
            entry = v
            if entry.value is not value:
                return
        elif v is not value or due_ms == NEVER:
            return
        else:
            entry = Entry(value, NEVER)
            shard[key] = entry
            self.boxed += 1
        self.mark(entry, due_ms != NEVER)
        if due_ms != NEVER and (entry.filed_ms == 0 or due_ms < entry.filed_ms):
            self.deadlines.file(key, entry, due_ms, self.clock.now_ms)

    def mark(self, entry, has_volatile_elements):
        """Note whether elements of an entry's value have deadlines."""
        if entry.has_volatile_elements != has_volatile_elements:
            entry.has_volatile_elements = has_volatile_elements
            self.volatile_containers += 1 if has_volatile_elements else -1

    def put_until(self, key, value, deadline_ms, event):
        """Store a value that expires at `deadline_ms` (ms since the epoch); if that is over, nobody will see it.

        `event` is followed by that of the deadline.
        """
        shard: dict = self.shards[hash(key) & 255]
        old = shard.get(key)
        entry: Entry | None = old if type(old) is Entry else None
        if entry is not None and entry.deadline_ms > self.clock.now_ms:
            self.refill(key, entry, value, deadline_ms)
        else:
            if entry is not None:
                self.expire(key, entry)
                old = None
            entry = Entry(value, deadline_ms)
            shard[key] = entry
            self.boxed += 1
            self.volatile += 1
            self.deadlines.file(key, entry, deadline_ms, self.clock.now_ms)
            self.placed(key, old, value)
        self.announce(key, event)
        self.notify(key, EXPIRE)

    def replace(self, key, value, event):
        """Store another value at a key; its deadline stays if it has one."""
        if self.boxed == 0:
            self.put(key, value, event)
            return
        shard: dict = self.shards[hash(key) & 255]
        old = shard.get(key)
        entry: Entry | None = old if type(old) is Entry else None
        if entry is not None and entry.deadline_ms > self.clock.now_ms:
            self.refill(key, entry, value, entry.deadline_ms)
            self.announce(key, event)
        else:
            self.put(key, value, event)

    def changed(self, key, event):
        """Tell of a change made to a value in place (a bytearray has no revision)."""
        if self.account is not None:
            self.account.follow(key, self.find(key))
        if self.uses is not None:
            self.uses.touch(key)
        self.announce(key, event)

    def announce(self, key, event):
        """Count a change and tell the listeners."""
        self.changes.dirty += 1
        self.tell(key, event)

    def tell(self, key, event):
        """Tell the listeners of a change that is not counted: it is part of another one, or nobody asked for it."""
        if self.observed:
            self.changes.announce(self, key, event)

    def notify(self, key, event):
        """Tell of an event that is no change; see `Changes.notify`."""
        if self.observed:
            self.changes.notify(self, key, event)

    def delete(self, key, event=DEL):
        """Delete a key; return whether it was there."""
        v = self.remove(key)
        if v is None:
            return False
        self.dispose(v)
        self.announce(key, event)
        return True

    def remove(self, key):
        """Take a key out, silently; return its value, None if there was none. The caller announces."""
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        if v is None:
            return None
        if type(v) is Entry:
            entry: Entry = v
            if entry.deadline_ms <= self.clock.now_ms:
                self.expire(key, entry)
                return None
            self.unbox(entry)
            v = entry.value
        del shard[key]
        if self.account is not None:
            self.account.leave(key, v)
        return v

    def evict(self, key):
        """Delete a key because memory is full; return whether it was there."""
        v = self.remove(key)
        if v is None:
            return False
        self.dispose(v)
        self.evicted += 1
        self.changes.lost(self, key, None)
        self.tell(key, EVICTED)
        return True

    def unbox(self, entry):
        """Account for an entry that leaves."""
        self.boxed -= 1
        if entry.deadline_ms != NEVER:
            self.volatile -= 1
        if entry.has_volatile_elements:
            self.mark(entry, False)
        if entry.filed_ms != 0:
            self.deadlines.stale += 1

    def set_deadline(self, key, deadline_ms, event=EXPIRE):
        """Give an existing key a deadline (ms since the epoch, in the future); return False if there is no such key."""
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        entry: Entry
        if v is None:
            return False
        if type(v) is Entry:
            entry = v
            if entry.deadline_ms <= self.clock.now_ms:
                self.expire(key, entry)
                return False
            if entry.deadline_ms == NEVER:
                self.volatile += 1
            entry.deadline_ms = deadline_ms
        else:
            entry = Entry(v, deadline_ms)
            shard[key] = entry
            self.boxed += 1
            self.volatile += 1
        if entry.filed_ms == 0 or deadline_ms < entry.filed_ms:
            self.deadlines.file(key, entry, deadline_ms, self.clock.now_ms)
        if self.uses is not None:
            self.uses.touch(key)
        self.announce(key, event)
        return True

    def persist(self, key, event=PERSIST):
        """Take a key's deadline away; return whether it had one. The box stays until its ticket comes up."""
        shard: dict = self.shards[hash(key) & 255]
        v = shard.get(key)
        if type(v) is not Entry:
            return False
        entry: Entry = v
        if entry.deadline_ms <= self.clock.now_ms:
            self.expire(key, entry)
            return False
        if entry.deadline_ms == NEVER:
            return False
        entry.deadline_ms = NEVER
        self.volatile -= 1
        if self.uses is not None:
            self.uses.touch(key)
        self.announce(key, event)
        return True

    def transfer(self, key, target, new_key, left, arrived):
        """Move a value with its deadline to `new_key` of the keyspace `target`, whatever was there.

        Args:
            left, arrived: the events here and there.

        Returns: whether there was such a key.
        """
        deadline_ms: cython.longlong = self.deadline(key)
        value = self.remove(key)
        if value is None:
            return False
        target.implant(new_key, value, deadline_ms)
        self.tell(key, left)
        target.announce(new_key, arrived)
        return True

    def implant(self, key, value, deadline_ms):
        """Let a new key take the place of what may be at `key`; the caller announces."""
        old = self.remove(key)
        if old is not None:
            self.dispose(old)
        shard: dict = self.shards[hash(key) & 255]
        if deadline_ms == NEVER:
            shard[key] = value
        else:
            entry: Entry = Entry(value, deadline_ms)
            shard[key] = entry
            self.boxed += 1
            self.volatile += 1
            self.deadlines.file(key, entry, deadline_ms, self.clock.now_ms)
        self.placed(key, None, value)

    # ------------------------------------------------------------------ expiry

    def expire_at_once(self, key):
        """Remove a key that is given a deadline in the past; return whether it was there."""
        v = self.remove(key)
        if v is None:
            return False
        self.expired += 1
        self.dispose(v)
        self.announce(key, EXPIRED)
        return True

    def expire(self, key, entry):
        """Remove a key whose time has come: the one place where keys expire."""
        self.unbox(entry)
        shard: dict = self.shards[hash(key) & 255]
        del shard[key]
        self.expired += 1
        if self.account is not None:
            self.account.leave(key, entry.value)
        self.dispose(entry.value)
        self.changes.lost(self, key, None)
        self.tell(key, EXPIRED)

    def note_expired(self, key, value, names):
        """Tell that these elements of the container at `key` were removed because their time had come."""
        self.expired_elements += len(names)
        self.changes.lost(self, key, names)
        self.tell(key, value.expired_event)

    def expire_elements(self, key, entry, most, lags):
        """Remove up to `most` elements that are due, and see to the next visit; return how many were removed."""
        now_ms: cython.longlong = self.clock.now_ms
        value: Container = entry.value
        due_ms: cython.longlong = value.next_deadline()
        names: list = value.expire_elements(now_ms, most)
        count: cython.Py_ssize_t = len(names)
        if count:
            if self.account is not None:
                self.account.follow(key, value)
            lags.record(now_ms - due_ms)
            self.note_expired(key, value, names)
            if not len(entry.value):
                self.drop_empty(key, value, True)
                return count
        due_ms = value.next_deadline()
        self.mark(entry, due_ms != NEVER)
        due_ms = min(due_ms, entry.deadline_ms)
        if due_ms == NEVER:
            self.boxed -= 1
            self.shards[hash(key) & 255][key] = value
        else:
            self.deadlines.file(key, entry, due_ms, now_ms)
        return count

    def visit(self, keys, start, stop, time_ms, lags):
        """Redeem the tickets keys[start:stop] of the bucket `time_ms`, None in their place; return how many expired.

        Elements of containers count as well. A key with many of them that are due is filed again for the rest.

        Args:
            lags: a Histogram that takes the milliseconds between deadline and removal.
        """
        i: cython.Py_ssize_t
        removed: cython.Py_ssize_t = 0
        count: cython.Py_ssize_t
        spare: cython.Py_ssize_t = ELEMENTS_A_VISIT
        now_ms: cython.longlong = self.clock.now_ms
        shard: dict
        entry: Entry | None
        for i in range(start, stop):
            key: bytes = keys[i]
            keys[i] = None  # a million keys are let go one by one and not with their list
            shard = self.shards[hash(key) & 255]
            v = shard.get(key)
            entry = v if type(v) is Entry else None
            if entry is None or entry.filed_ms != time_ms:
                if self.deadlines.stale > 0:
                    self.deadlines.stale -= 1
                continue
            entry.filed_ms = 0
            if entry.deadline_ms <= now_ms:
                lags.record(now_ms - entry.deadline_ms)
                self.expire(key, entry)
                removed += 1
            elif entry.has_volatile_elements:
                count = self.expire_elements(key, entry, 1 + spare, lags)
                removed += count
                spare -= max(0, count - 1)
            elif entry.deadline_ms == NEVER:
                shard[key] = entry.value
                self.boxed -= 1
            else:
                self.deadlines.file(key, entry, entry.deadline_ms, now_ms)
        return removed

    def filed_at(self, keys, time_ms):
        """Those of `keys` whose ticket at `time_ms` still counts, each once."""
        kept: dict = {}
        shard: dict
        for key in keys:
            shard = self.shards[hash(key) & 255]
            entry = shard.get(key)
            if type(entry) is Entry and entry.filed_ms == time_ms:
                kept[key] = None
        return list(kept)

    # ------------------------------------------------------------------ all keys

    def __len__(self):
        """Keys, those that are due but not yet removed included."""
        return sum(map(len, self.shards))

    def keys(self):
        """All live keys, as a list."""
        now_ms: cython.longlong = self.clock.now_ms
        found: list = []
        shard: dict
        for shard in self.shards:
            for key, v in shard.items():
                entry: Entry | None = v if type(v) is Entry else None
                if entry is None or entry.deadline_ms > now_ms:
                    found.append(key)
        return found

    def random_key(self):
        """A live key, each as likely as any other; None when there is none."""
        while True:
            size: cython.Py_ssize_t = len(self)
            if not size:
                return None
            at: cython.Py_ssize_t = randrange(size)
            shard: dict
            for shard in self.shards:
                if at < len(shard):
                    key = next(islice(shard, at, None))
                    if self.find(key) is not None:
                        return key
                    break
                at -= len(shard)

    def flush(self):
        """Delete all keys without events of their own; their memory is freed in slices. Returns how many there were."""
        size = len(self)
        self.graveyard.extend(held for held in (*self.shards, self.deadlines.buckets) if held)
        on_earlier = self.deadlines.on_earlier
        self.reset()
        if self.uses is not None:
            self.uses.clear()
        if self.account is not None:
            self.account.clear()
        self.deadlines.on_earlier = on_earlier
        self.changes.dirty += size
        if self.observed:
            self.changes.flushed(self)
        return size

    def swap(self, other):
        """Exchange all keys with another database."""
        for name in ("shards", "deadlines", "boxed", "volatile", "volatile_containers", "has_containers"):
            mine = getattr(self, name)
            setattr(self, name, getattr(other, name))
            setattr(other, name, mine)
        self.deadlines.keyspace = self
        other.deadlines.keyspace = other
        if self.account is not None:
            self.account.swap(other.account)
        if self.uses is not None and other.uses is not None and self.uses.counts == other.uses.counts:
            self.uses, other.uses = other.uses, self.uses
        self.changes.dirty += 1
        if self.observed:
            self.changes.swapped(self, other)

    def dispose(self, value):
        """Let go of a value; a large container waits to be freed in slices."""
        if isinstance(value, Container) and len(value) > LARGE_VALUE:
            self.graveyard.append(value)


class Text(bytes):
    """A string that is kept as text though it reads as an integer, as INCRBYFLOAT leaves it; OBJECT ENCODING tells."""

    __slots__ = ()


def as_string(v):
    """A string value as bytes.

    Raises:
        CommandError: WRONGTYPE.
    """
    if type(v) is bytes:
        return v
    if type(v) is int:
        return b"%d" % v
    if type(v) is bytearray or type(v) is Text:
        return bytes(v)
    raise CommandError(WRONG_TYPE)
