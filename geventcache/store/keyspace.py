# cython: boundscheck=False, wraparound=False
"""A database: the one owner of its keys.

Commands open keys by intent (`read`, `edit`, `put`, `delete`, ...) and never see a dict. So what must happen with every
access happens here and nowhere else:

- **Look-up**: `find...` counts nothing, `read...` is a hit or a miss, and a use of the key. Either gives None
  where there is no key, and asks for any value, a string as bytes (`..._string`) or a container of one class
  (`..._container`).
- **Expiry**: a key is invisible from its deadline on, to every method. Whoever finds it due removes it, in `expire`,
  which the batch worker uses as well: the ``expired`` event fires once.
- **Type**: after expiry; a wrong one raises WRONGTYPE.
- **Change**: `put`, `replace`, `delete`, `set_deadline`, ... announce themselves when they are complete. A container
  opened by `edit` is compared with its revisions of before when the command settles: announced if it changed, deleted
  if it is empty.
- **Elsewhere decided**: where another server decides what is over (`Changes.keeps_due`), what is due is hidden all the
  same, but stays until a request removes it, which is carried out on a clock that stands still.
- **Loss**: what goes without a command that asked for it (expired, evicted) is told to `Changes.lost`, since only so
  can it go elsewhere in the same order. A key is told of before it goes: where that fails, it is there to go later.
- **Deadlines of elements**: where elements of a container have deadlines, its key's one ticket also comes up at the
  first of them. The worker then removes what is due; until it has been there, the container hides it.
- **Packed containers**: a small container stands in the table as a run of bytes. Who opens it gets a transient object
  over the run; for one opened by `edit`, `settle` stores what it has become. Within a command, all who open a key that
  is opened for change get the same object.
- **Places**: the table remembers one place (base/table.py). Methods that say "at the place" need it at their key;
  whoever has announced something looks the key up again.

A string is kept as ``bytes``, as ``int`` (a counter: no parsing), as ``bytearray`` (changed in place) or as `Text`.
"""

from typing import Any

import cython

from geventcache.base.errors import OVERFLOW, WRONG_TYPE, CommandError
from geventcache.base.events import event
from geventcache.base.table import ABSENT, BYTES, END, INTEGER, OBJECT, PACKED, Table, Text
from geventcache.base.times import NEVER_MS
from geventcache.store.account import Account, object_size
from geventcache.store.deadlines import Deadlines
from geventcache.store.uses import Uses
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

NEVER = NEVER_MS
CONTAINERS: dict[int, Any] = {kind.packed_kind: kind for kind in (Hash, List, Set, SortedSet)}
KEPT = 0  # in the place of a deadline: the one that the key has
INT64_MAX = (1 << 63) - 1
INT64_MIN = -(1 << 63)
LARGE_VALUE = 64
ELEMENTS_A_VISIT = 512
MOST_A_PAGE = 1 << 31
MOST_TRIES = 100

DEL = event(b"del", "g")
EVICTED = event(b"evicted", "e")
EXPIRE = event(b"expire", "g")
EXPIRED = event(b"expired", "x")
PERSIST = event(b"persist", "g")
NEW = event(b"new", "n")
STRING = b"string"


class Edit:
    """A container opened for change by `Keyspace.open`: what `Keyspace.settle` compares. It is used again and again.

    Attributes:
        key, value, event: what was opened and what tells of its change; no value when another has taken its place.
        is_new: it was made for this command.
        is_counted: its changes count (those of a list from which an element moves to another one do not).
        revision, side_revision, due_ms: the container's, and its next deadline, when it was opened.
    """

    if not cython.compiled:
        __slots__ = ("due_ms", "event", "is_counted", "is_new", "key", "revision", "side_revision", "value")

        key: bytes
        value: Container | None
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
        table: its keys.
        volatile: how many of them have a deadline.
        volatile_containers: how many keys have elements that have one.
        hits, misses: how many reads found a key or none.
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
        self.table = Table()
        self.deadlines = Deadlines(self)
        self.volatile_containers = 0

    @property
    def volatile(self) -> int:
        """How many keys have a deadline."""
        return self.table.volatile

    # ------------------------------------------------------------------ look-up

    def seek(self, key):
        """Go to the place of `key`; return the kind of its value, ABSENT if there is none. What is due is removed."""
        kind: cython.int = self.table.seek(key)
        if kind != ABSENT and self.table.deadline() <= self.clock.now_ms:
            if self.changes.keeps_due:
                return ABSENT
            self.expire(key)
            kind = self.table.seek(key)
        return kind

    def ahead(self, keys, elements):
        """Some keys will be sought, and elements of a container at the last: fetch them from memory into the caches.

        Nobody could notice otherwise.
        """
        self.table.ahead(keys)
        if len(elements) > 1 and self.table.seek(keys[len(keys) - 1]) == OBJECT:
            value = self.table.object()
            if isinstance(value, Container):
                value.ahead(elements)

    def find(self, key):
        """The value at `key`, whatever its type, or None. Counts nothing: for commands that write or ask about keys."""
        if self.opened:
            opened = self.opened_at(key)
            if opened is not None:
                return opened
        kind: cython.int = self.seek(key)
        if kind == ABSENT:
            return None
        return self.table.value() if kind < PACKED else self.unpack(self.table.value(), kind)

    def opened_at(self, key):
        """The container that the running command opened for change at `key`, None if it did not."""
        i: cython.Py_ssize_t
        for i in range(self.opened):
            edit: Edit = self.edits[i]
            if edit.value is not None and edit.key == key:
                return edit.value
        return None

    def unpack(self, run, kind):
        """A container over a run of bytes, as the table holds it."""
        return CONTAINERS[kind].unpack(run, kind, self.limits)

    def find_string(self, key):
        """`find` of a string, as bytes.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        return v if v is None or type(v) is bytes else as_string(v)

    def find_buffer(self, key):
        """`find` of a string, as a bytearray to change and to give to `put_buffer` then.

        It is the value itself if that is one already: to be changed only when nothing can go wrong any more.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        return None if v is None else self.buffer(key, v)

    def find_container(self, key, kind):
        """`find` of a container of the class `kind`.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        if v is not None and type(v) is not kind:
            raise CommandError(WRONG_TYPE)
        return v

    def read(self, key):
        """`find`, counted as a hit or a miss, and as a use of the key: for commands that read."""
        v = self.read_untouched(key)
        if v is not None and self.uses is not None:
            self.note_use(key)
        return v

    def read_string(self, key):
        """`read` of a string, as bytes.

        Raises:
            CommandError: WRONGTYPE.
        """
        table: Table = self.table
        # Most are bytes in a record, and need no more calls.
        if table.seek(key) == BYTES and self.uses is None and table.deadline() > self.clock.now_ms:
            self.hits += 1
            return table.value()
        v = self.read(key)
        return v if v is None or type(v) is bytes else as_string(v)

    def read_container(self, key, kind):
        """`read` of a container of the class `kind`.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.read(key)
        if v is not None and type(v) is not kind:
            raise CommandError(WRONG_TYPE)
        return v

    def read_untouched(self, key):
        """`read` that is no use of the key: for commands that read about it, as EXISTS and TTL do."""
        v = self.find(key)
        if v is None:
            self.miss(key)
        else:
            self.hits += 1
        return v

    def touch(self, key):
        """Read a key to use it, even for a client that leaves no traces otherwise; return whether it is there."""
        v = self.read_untouched(key)
        if v is not None and self.uses is not None and self.table.seek(key) != ABSENT:
            self.uses.note_always(self.table)
        return v is not None

    def miss(self, key):
        """A read found no key."""
        self.misses += 1
        if self.observed:
            self.changes.missed(self, key)

    def note_use(self, key):
        """Note a use of a key, if it is there."""
        if self.table.seek(key) != ABSENT and self.uses is not None:
            self.uses.note(self.table)

    def deadline(self, key):
        """The deadline of `key` in milliseconds: NEVER when it has none, 0 when there is no such key."""
        return 0 if self.seek(key) == ABSENT else self.table.deadline()

    def usage(self, key):
        """Bytes that a key takes with its value; 0 if there is no such key."""
        if self.seek(key) == ABSENT:
            return 0
        value = self.table.object()
        return self.table.size() + (0 if value is None else object_size(value))

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
        """Open the container at `key` for change, or a new one (which is stored only if the command fills it).

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        if v is None:
            v = kind(self.limits)
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
        if self.table.watcher is not None and not is_new:
            self.preserve(key)
        if self.uses is not None and not is_new:
            self.note_use(key)

    def preserve(self, key):
        """The value at `key` is about to be changed in place: who watches the table takes it before."""
        if self.table.watcher is not None and self.table.seek(key) == OBJECT:
            self.table.preserve()

    def buffer(self, key, value):
        """`find_buffer` of the string `value`, which was found at `key`.

        Raises:
            CommandError: WRONGTYPE.
        """
        if type(value) is not bytearray:
            return bytearray(as_string(value))
        self.preserve(key)
        return value

    def settle(self):
        """Store and announce what the finished command changed in the containers it had opened; drop the empty ones."""
        i: cython.Py_ssize_t = 0
        try:
            while i < self.opened:
                edit: Edit = self.edits[i]
                value = edit.value
                i += 1
                edit.value = None  # a container that is gone must not be kept, nor be found
                if value is not None:
                    self.settle_one(edit, value)
        finally:  # whatever a listener raises: an edit is settled once
            self.opened = 0

    def discard(self):
        """The running command failed by a defect: containers that the table has not got as they are now stay as before.

        What stands in the table as an object is settled as it is.
        """
        i: cython.Py_ssize_t
        for i in range(self.opened):
            edit: Edit = self.edits[i]
            kind: cython.int = self.table.seek(edit.key)
            if kind == ABSENT or kind >= PACKED:
                edit.value = None

    def settle_one(self, edit, value):
        """`settle`, of one container."""
        key: bytes = edit.key
        beside: cython.longlong = value.side_revision - edit.side_revision
        count: cython.longlong = value.revision - edit.revision + beside
        if count == 0:
            if self.account is not None:
                self.account.follow(key, value)
                self.account.sync()
            if value.is_renamed and self.table.seek(key) >= PACKED:
                self.keep(edit, value, False)
            return
        is_kept: cython.bint = len(value) > 0 or value.keeps_empty
        if is_kept:
            self.keep(edit, value, beside != 0)
        if edit.is_counted:
            self.changes.dirty += count
        lapsed = value.take_lapsed()
        if lapsed is not None:
            self.note_expired(key, value, lapsed)
        if self.observed:
            self.tell_of(edit, count == beside)
        if not is_kept:
            self.drop_empty(key, value)

    def tell_of(self, edit, is_beside):
        """Tell the listeners of a container that changed, or only beside its elements."""
        if is_beside and not edit.is_new:
            self.changes.notify(self, edit.key, edit.event)
        else:
            self.changes.announce(self, edit.key, edit.event)

    def keep(self, edit, value, is_whole):
        """Store what the command made of a container, unless it is in the table as an object.

        `is_whole`: it has changed in ways that its mean element does not tell.
        """
        kind: cython.int = self.table.seek(edit.key)
        if kind == ABSENT or kind >= PACKED:
            self.store(value, self.table.deadline(), self.table.filed())
            if kind == ABSENT:
                self.placed(edit.key, kind, None)
            else:
                self.stored(edit.key, None)
            return
        if value.next_deadline() != edit.due_ms:
            self.follow(value)
        if self.account is not None:
            self.account.follow(edit.key, value, is_whole)
            self.account.sync()

    def drop_empty(self, key, value):
        """Remove the container `value`, now empty, from `key` if it is still there."""
        kind: cython.int = self.table.seek(key)
        if kind >= PACKED or (kind == OBJECT and self.table.object() is value):
            self.take_out(key)
            self.tell(key, DEL)

    def put(self, key, value, event):
        """Store a value, whatever was there; the key has no deadline then."""
        if self.opened or self.observed or self.account is not None or self.uses is not None:
            self.place(key, value, NEVER)
        else:
            kind: cython.int = self.table.seek(key)
            if kind < OBJECT and self.table.deadline() == NEVER and not isinstance(value, Container):
                self.table.put(value)
            else:
                self.place(key, value, NEVER)
        self.announce(key, event)

    def put_until(self, key, value, deadline_ms, event):
        """Store a value that expires at `deadline_ms` (ms since the epoch); if that is over, nobody will see it.

        `event` is followed by that of the deadline.
        """
        self.place(key, value, deadline_ms)
        self.announce(key, event)
        self.notify(key, EXPIRE)

    def replace(self, key, value, event):
        """Store another value at a key; its deadline stays if it has one."""
        if self.table.volatile:
            self.place(key, value, KEPT)
            self.announce(key, event)
        else:
            self.put(key, value, event)

    def put_buffer(self, key, buffer, event):
        """`replace` by a bytearray, which may be the one of `find_buffer`, changed in place."""
        if self.seek(key) != OBJECT or self.table.object() is not buffer:
            self.replace(key, buffer, event)
            return
        if self.account is not None:
            self.account.follow(key, buffer)
            self.account.sync()
        if self.uses is not None:
            self.uses.note(self.table)
        self.announce(key, event)

    def add_to_integer(self, key, by, event):
        """Add to an integer where it stands; return what it is then, None if there is no integer at `key`.

        Raises:
            CommandError: it would not fit into 64 bits.
        """
        if self.seek(key) != INTEGER:
            return None
        number: cython.longlong = self.table.value()
        if (by > 0 and number > INT64_MAX - by) or (by < 0 and number < INT64_MIN - by):
            raise CommandError(OVERFLOW)
        total: object = number + by
        self.table.put(total)
        if self.uses is not None:
            self.uses.note(self.table)
        self.announce(key, event)
        return total

    def place(self, key, value, deadline_ms):
        """Store a value and a deadline at a key, whatever was there. The ticket of what was there stays usable."""
        kind: cython.int = self.seek(key)
        old = self.table.object()
        self.seat(key, value, deadline_ms)
        self.placed(key, kind, old)

    def seat(self, key, value, deadline_ms):
        """`place` as far as the table goes, at the place; if there is no memory for it, nothing has changed."""
        if self.opened:
            self.disown(key)
        filed_ms: cython.longlong = self.table.filed()
        if deadline_ms == KEPT:
            deadline_ms = self.table.deadline()
        if deadline_ms != NEVER and (filed_ms == 0 or deadline_ms < filed_ms):
            filed_ms = self.file(deadline_ms)
        self.store(value, deadline_ms, filed_ms)

    def store(self, value, deadline_ms, filed_ms):
        """Put a value and times into the table, at the place; a container packed if it can be."""
        if self.table.packs and isinstance(value, Container):
            run = value.pack()
            if run is not None:
                self.table.put_packed(value.packed_kind, run, deadline_ms, filed_ms)
                return
        if deadline_ms == NEVER and filed_ms == 0:
            self.table.put(value)
        else:
            self.table.put_until(value, deadline_ms, filed_ms)

    def placed(self, key, kind, old):
        """At the place another value has taken the place of one of that kind: see to all that depends on either.

        Args:
            old: the value that was there, if it was an object.
        """
        self.stored(key, old)
        if self.uses is not None:
            if kind == ABSENT:
                self.uses.begin(self.table)
            else:
                self.uses.note(self.table)
        if old is not None:
            self.let_go(old)
        if kind == ABSENT and self.observed:
            self.changes.announce(self, key, NEW)

    def stored(self, key, old):
        """At the place is another value, or what a container has become: see to its deadlines and to the account."""
        value = self.table.object()
        if isinstance(value, Container):
            self.follow(value)
        if self.account is not None:
            if old is not None:
                self.account.release(key, old)
            if value is not None:
                self.account.hold(key, value)
            self.account.sync()

    def disown(self, key):
        """Another value takes the place of a container that the running command has opened."""
        i: cython.Py_ssize_t
        for i in range(self.opened):
            edit: Edit = self.edits[i]
            if edit.key == key:
                edit.value = None

    def file(self, due_ms):
        """Issue a ticket for the key at the place; return the time of its bucket, which is to be noted in the table."""
        if self.table.filed() != 0:
            self.deadlines.stale += 1
        return self.deadlines.file(self.table, due_ms, self.clock.real_ms())

    def follow(self, value):
        """A container is new at the place, or has another next deadline: its ticket shall come up in time."""
        due_ms: cython.longlong = value.next_deadline()
        self.mark(value, due_ms != NEVER)
        filed_ms: cython.longlong = self.table.filed()
        if due_ms != NEVER and (filed_ms == 0 or due_ms < filed_ms):
            self.table.set_times(self.table.deadline(), self.file(due_ms))

    def mark(self, value, is_volatile):
        """Note whether elements of a container have deadlines."""
        if value.is_volatile != is_volatile:
            value.is_volatile = is_volatile
            self.volatile_containers += 1 if is_volatile else -1

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
        if self.opened:
            self.disown(key)
        if self.seek(key) == ABSENT:
            return False
        self.take_out(key)
        self.announce(key, event)
        return True

    def take_out(self, key):
        """Remove the key at the place, silently; its value is let go."""
        old = self.table.object()
        if self.table.filed() != 0:
            self.deadlines.stale += 1
        self.table.remove()
        if self.account is not None:
            if old is not None:
                self.account.release(key, old)
            self.account.sync()
        if old is not None:
            self.let_go(old)

    def let_go(self, old):
        """An object has left the table; a large container waits to be freed in slices."""
        if isinstance(old, Container):
            self.mark(old, False)
            if len(old) > LARGE_VALUE:
                self.graveyard.append(old)

    def evict(self, key):
        """Delete a key because memory is full; return whether it was there."""
        if self.seek(key) == ABSENT:
            return False
        self.changes.lost(self, key, None)
        self.take_out(key)
        self.evicted += 1
        self.tell(key, EVICTED)
        return True

    def set_deadline(self, key, deadline_ms, event=EXPIRE):
        """Give an existing key a deadline (ms since the epoch, in the future); return False if there is no such key."""
        if self.seek(key) == ABSENT:
            return False
        filed_ms: cython.longlong = self.table.filed()
        if filed_ms == 0 or deadline_ms < filed_ms:
            filed_ms = self.file(deadline_ms)
        self.retime(deadline_ms, filed_ms)
        self.announce(key, event)
        return True

    def persist(self, key, event=PERSIST):
        """Take a key's deadline away; return whether it had one. Its ticket stays, and comes up in vain."""
        if self.seek(key) == ABSENT or self.table.deadline() == NEVER:
            return False
        self.retime(NEVER, self.table.filed())
        self.announce(key, event)
        return True

    def retime(self, deadline_ms, filed_ms):
        """Give the key at the place other times: a use of it."""
        self.table.set_times(deadline_ms, filed_ms)
        if self.account is not None:
            self.account.sync()
        if self.uses is not None:
            self.uses.note(self.table)

    def transfer(self, key, target, new_key, left, arrived):
        """Move a value with its deadline to another key, `new_key` of the keyspace `target`, whatever was there.

        The value is there before it goes from here, where nothing can fail: without memory, it stays.

        Args:
            left, arrived: the events here and there.

        Returns: whether there was such a key.
        """
        value = self.find(key)
        if value is None:
            return False
        deadline_ms: cython.longlong = self.deadline(key)
        target.seek(new_key)
        old = target.table.object()
        target.seat(new_key, value, deadline_ms)
        self.table.seek(key)
        self.detach(key)
        target.table.seek(new_key)
        target.placed(new_key, ABSENT, old)
        self.tell(key, left)
        target.announce(new_key, arrived)
        return True

    def detach(self, key):
        """`take_out`, of a value that has gone elsewhere."""
        if self.table.filed() != 0:
            self.deadlines.stale += 1
        held = self.table.object()
        self.table.remove()
        if isinstance(held, Container):
            self.mark(held, False)
        if self.account is not None:
            if held is not None:
                self.account.release(key, held)
            self.account.sync()

    def implant(self, key, value, deadline_ms):
        """Let a new key take the place of what may be at `key`; the caller announces."""
        self.seek(key)
        old = self.table.object()
        self.seat(key, value, deadline_ms)
        self.placed(key, ABSENT, old)

    # ------------------------------------------------------------------ expiry

    def expire_at_once(self, key):
        """Remove a key that is given a deadline in the past; return whether it was there."""
        if self.seek(key) == ABSENT:
            return False
        self.take_out(key)
        self.expired += 1
        self.announce(key, EXPIRED)
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

        A cursor is a position of the table: a key that stays for the whole scan is given out exactly once. What is due
        is removed if it was wanted.

        Args:
            cursor: 0 to begin, or what the last page returned.
            count: at least 1.
            matches: is the key wanted by its name? None for all.
            type_name: the type that is wanted; None for all.
        """
        if cursor >= END:
            return 0, []
        keys: list
        position, keys = self.table.page(cursor, min(count, MOST_A_PAGE))
        if matches is not None:
            keys = [key for key in keys if matches(key)]
        if type_name is not None:
            keys = [key for key in keys if self.type_at(key) == type_name]
        return (position if position < END else 0), [key for key in keys if self.seek(key) != ABSENT]

    def type_at(self, key):
        """The name of the type of the value at `key`, be it due or not; None without a key."""
        kind: cython.int = self.table.seek(key)
        if kind == ABSENT:
            return None
        if kind >= PACKED:
            return CONTAINERS[kind].type_name
        return type_name_of(self.table.object())

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
        size = len(self)
        self.graveyard.append(self.table)
        self.graveyard.extend(self.deadlines.buckets.values())
        on_earlier = self.deadlines.on_earlier
        self.reset()
        if self.account is not None:
            self.account.clear()
        self.deadlines.on_earlier = on_earlier
        self.changes.dirty += size
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
