# cython: boundscheck=False, wraparound=False
"""A database: the one owner of its keys.

Commands open keys by intent (`read`, `edit`, `put`, `delete`, ...) and never see a dict. So what must happen with every
access happens here and nowhere else:

- **Look-up**: `find...` counts nothing, `read...` is a hit or a miss, and a use of the key. Either gives None
  where there is no key, and asks for any value, a string as bytes (`..._string`) or a container of one class
  (`..._container`).
- **Expiry**: a key is invisible from its deadline on, to every method (`store.places` removes it).
- **Type**: after expiry; a wrong one raises WRONGTYPE.
- **Change**: `put`, `replace`, `delete`, `set_deadline`, ... announce themselves when they are complete. A container
  opened by `edit` is compared with its revisions of before when the command settles: announced if it changed, deleted
  if it is empty.
- **Packed containers**: a small container stands in the table as a run of bytes. Who opens one gets a transient object
  over the run; for one opened by `edit`, `settle` stores what it has become. Within a command, all who open a key that
  is opened for change get the same object.

A string is kept as ``bytes``, as ``int`` (a counter: no parsing), as ``bytearray`` (changed in place) or as `Text`.
"""

from sys import maxsize

import cython

from geventcache.base.counters import added
from geventcache.base.errors import WRONG_TYPE, CommandError
from geventcache.base.events import event
from geventcache.base.table import ABSENT, INTEGER, OBJECT, PACKED, Table, Text
from geventcache.base.times import NEVER_MS
from geventcache.store.places import DEL, EXPIRED, NEW, Places
from geventcache.types.container import Container

NEVER = NEVER_MS
KEPT = 0  # in the place of a deadline: the one that the key has
STRING_END = maxsize  # wherever that is

EXPIRE = event(b"expire", "g")
PERSIST = event(b"persist", "g")


class Edit:
    """A container opened for change by `Keyspace.open`: what `Keyspace.settle` compares. It is used again and again.

    Attributes:
        key, value, event: what was opened and what tells of its change; no value when another has taken its place.
        is_new: it was made for this command.
        is_counted: its changes count (those of a list from which an element moves to another one do not).
        revision, side_revision, due_ms: the container's, and its next deadline, when it was opened.
    """

    __slots__ = ("due_ms", "event", "is_counted", "is_new", "key", "revision", "side_revision", "value")

    key: bytes
    value: Container | None
    event: bytes | None
    is_new: bool
    is_counted: bool
    revision: int
    side_revision: int
    due_ms: int


class Keyspace(Places):
    """One database, as commands see it.

    Attributes:
        hits, misses: how many reads found a key or none.
        opened: how many containers the running command has opened for change.
    """

    def __init__(self, index, clock, limits, changes, graveyard) -> None:
        super().__init__(index, clock, limits, changes, graveyard)
        self.edits: list[Edit] = []
        self.opened = 0
        self.hits = 0
        self.misses = 0

    # ------------------------------------------------------------------ look-up

    def ahead(self, keys, elements, draws):
        """Some keys will be sought, and at the last elements of a container, or as many will be drawn: fetch them.

        From memory into the caches, that is: nobody could notice otherwise.
        """
        self.table.ahead(keys)
        if len(elements) + draws > 1 and self.table.seek(keys[len(keys) - 1]) == OBJECT:
            value = self.table.object()
            table: Table | None = value.elements_table() if isinstance(value, Container) else None
            if table is not None:
                table.ahead(elements)
                if draws:
                    table.draw_ahead(draws)

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

    def find_string(self, key):
        """`find` of a string, as bytes.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        return v if v is None or type(v) is bytes else as_string(v)

    def find_buffer(self, key, start=0, stop=STRING_END):
        """`find` of a string, as a bytearray to change and to give to `put_buffer` then.

        It is the value itself if that is one already: to be changed only when nothing can go wrong any more.

        Args:
            start, stop: which of its bytes may be changed; it may grow besides.

        Raises:
            CommandError: WRONGTYPE.
        """
        v = self.find(key)
        return None if v is None else self.buffer(key, v, start, stop)

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
        v = table.bytes_at(key, self.clock.now_ms)
        if v is not None and self.uses is None:
            self.hits += 1
            return v
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

    # ------------------------------------------------------------------ containers opened for change

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

    def edit_first(self, keys, kind, event):
        """`edit` of the first of `keys` that exists, as (key, container); None if none does.

        Raises:
            CommandError: WRONGTYPE, of one that exists before there is such a container.
        """
        for key in keys:
            v = self.edit(key, kind, event)
            if v is not None:
                return key, v
        return None

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

    def expect_deadline(self, key, due_ms):
        """Elements of the container at `key` are about to get that deadline: its ticket comes before they do.

        One that is over needs none.
        """
        if due_ms > self.clock.now_ms and self.table.seek(key) == OBJECT:
            self.file(due_ms)

    def buffer(self, key, value, start=0, stop=STRING_END):
        """`find_buffer` of the string `value`, which was found at `key`.

        Raises:
            CommandError: WRONGTYPE.
        """
        if type(value) is not bytearray:
            return bytearray(as_string(value))
        self.preserve(key)
        holder = self.changes.held.get(id(value))
        if holder is not None:
            holder.spare(start, stop)
        return value

    def secure(self, key):
        """Store what the container that was opened at `key` is by now: then what it got may leave its old place.

        It is told of when the command has finished, in the order in which it opened what it changes.
        """
        i: cython.Py_ssize_t
        for i in range(self.opened):
            edit: Edit = self.edits[i]
            if edit.value is not None and edit.key == key:
                self.keep(edit, edit.value, False, 0)

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
                self.keep(edit, value, False, 0)
            return
        counted: cython.longlong = count if edit.is_counted else 0
        is_kept: cython.bint = len(value) > 0 or value.keeps_empty
        if not is_kept:
            self.changes.dirty += counted
        else:
            self.keep(edit, value, beside != 0, counted)
            if edit.is_new and self.observed:
                self.changes.announce(self, key, NEW)
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

    def keep(self, edit, value, is_whole, counted):
        """Store what the command made of a container, unless it is in the table as an object.

        Args:
            is_whole: it has changed in ways that its mean element does not tell.
            counted: the changes, which count as soon as they are made.
        """
        kind: cython.int = self.table.seek(edit.key)
        if kind == ABSENT or kind >= PACKED:
            weight = self.store(edit.key, value, self.table.deadline())
            self.changes.dirty += counted
            if kind == ABSENT:
                self.received(edit.key, kind, None, weight)
            else:
                self.stored(edit.key, None, weight)
            return
        self.changes.dirty += counted
        if value.next_deadline() != edit.due_ms:
            self.follow(value)
        if self.account is not None:
            self.account.follow(edit.key, value, is_whole)
            self.account.sync()

    # ------------------------------------------------------------------ values

    def put(self, key, value, event):
        """Store a value, whatever was there; the key has no deadline then."""
        table: Table = self.table
        if not self.concerns_others() and table.put_plain(key, value):
            self.changes.dirty += 1
        else:
            self.place(key, value, NEVER)
        self.tell(key, event)

    def put_until(self, key, value, deadline_ms, event):
        """Store a value that expires at `deadline_ms` (ms since the epoch); if that is over, nobody will see it.

        `event` is followed by that of the deadline.
        """
        table: Table = self.table
        if (
            not self.concerns_others()
            and table.seek_at(key, self.clock.now_ms) < OBJECT
            and not isinstance(value, Container)
        ):
            table.put_until(value, deadline_ms, self.filed_by(deadline_ms))
            self.changes.dirty += 1
        else:
            self.place(key, value, deadline_ms)
        self.tell(key, event)
        self.notify(key, EXPIRE)

    def concerns_others(self):
        """Has more than the table to be seen to when a string comes to where no object is?"""
        return self.opened or self.observed or self.account is not None or self.uses is not None

    def replace(self, key, value, event):
        """Store another value at a key; its deadline stays if it has one."""
        if self.table.volatile:
            self.place(key, value, KEPT)
            self.tell(key, event)
        else:
            self.put(key, value, event)

    def put_buffer(self, key, buffer, event):
        """`replace` by a bytearray, which may be the one of `find_buffer`, changed in place."""
        if self.seek(key) != OBJECT or self.table.object() is not buffer:
            self.replace(key, buffer, event)
            return
        self.changes.dirty += 1
        if self.account is not None:
            self.account.follow(key, buffer)
            self.account.sync()
        if self.uses is not None:
            self.uses.note(self.table)
        self.tell(key, event)

    def add_to_integer(self, key, by, event):
        """Add to an integer where it stands; return what it is then, None if there is no integer at `key`.

        Raises:
            CommandError: it would not fit into 64 bits.
        """
        if self.seek(key) != INTEGER:
            return None
        total: object = added(self.table.value(), by)
        self.table.put(total)
        if self.uses is not None:
            self.uses.note(self.table)
        self.announce(key, event)
        return total

    def place(self, key, value, deadline_ms):
        """Store a value and a deadline at a key, whatever was there. The ticket of what was there stays usable.

        The change is counted as soon as it is made: what fails after that must not hide it.
        """
        kind: cython.int = self.seek(key)
        old = self.table.object()
        weight = self.seat(key, value, deadline_ms)
        self.changes.dirty += 1
        self.placed(key, kind, old, weight)

    def seat(self, key, value, deadline_ms):
        """`place` as far as the table goes, at the place; see `store`."""
        if self.opened:
            self.disown(key)
        if deadline_ms == KEPT:
            deadline_ms = self.table.deadline()
        return self.store(key, value, deadline_ms)

    def disown(self, key):
        """Another value takes the place of a container that the running command has opened."""
        i: cython.Py_ssize_t
        for i in range(self.opened):
            edit: Edit = self.edits[i]
            if edit.key == key:
                edit.value = None

    # ------------------------------------------------------------------ keys

    def delete(self, key, event=DEL):
        """Delete a key; return whether it was there."""
        if self.opened:
            self.disown(key)
        if self.seek(key) == ABSENT:
            return False
        self.take_out(key)
        self.announce(key, event)
        return True

    def set_deadline(self, key, deadline_ms, event=EXPIRE):
        """Give an existing key a deadline (ms since the epoch, in the future); return False if there is no such key."""
        if self.seek(key) == ABSENT:
            return False
        self.retime(deadline_ms, self.filed_by(deadline_ms))
        self.announce(key, event)
        return True

    def persist(self, key, event=PERSIST):
        """Take a key's deadline away; return whether it had one. Its ticket stays, and comes up in vain."""
        if self.seek(key) == ABSENT or self.table.deadline() == NEVER:
            return False
        self.retime(NEVER, self.table.filed())
        self.announce(key, event)
        return True

    def expire_at_once(self, key):
        """Remove a key that is given a deadline in the past; return whether it was there."""
        if self.seek(key) == ABSENT:
            return False
        self.take_out(key)
        self.expired += 1
        self.announce(key, EXPIRED)
        return True

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
        self.table.preserve()
        target.seek(new_key)
        old = target.table.object()
        weight = target.seat(new_key, value, deadline_ms)
        self.changes.dirty += 1
        self.table.seek(key)
        self.detach(key)
        target.table.seek(new_key)
        target.placed(new_key, ABSENT, old, weight)
        self.tell(key, left)
        target.tell(new_key, arrived)
        return True

    def implant(self, key, value, deadline_ms, is_counted=True):
        """Let a new key take the place of what may be at `key`; the caller tells of it. What is loaded is no change."""
        self.seek(key)
        old = self.table.object()
        weight = self.seat(key, value, deadline_ms)
        if is_counted:
            self.changes.dirty += 1
        self.placed(key, ABSENT, old, weight)


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
