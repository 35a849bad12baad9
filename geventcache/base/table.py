"""Byte-string keys to values: what a database, and every large container, is made of.

The compiled build has this class from ``table.pyx``, in C memory; this is its twin on dicts, which serves uncompiled.
One test-suite runs on both. The rules, for users of either:

- **A place.** `seek` looks a key up and remembers where it is, or would be. The methods under "at the place" work
  there. A place ends with the next `seek`, `redeem` or `remove`, and with any call that may make one: whoever has
  called out (to a listener, a handler) seeks again.
- **A kind** tells what stands at a key: nothing, bytes, an integer of 64 bits, a double, text (bytes that are not to be
  taken for an integer though they read as one), or an object (a container, a bytearray, bytes too large to be copied).
  From `PACKED` on it is a packed container, a run of bytes; the kind says of which type. `DUE` is what `seek_at` says
  of a key whose deadline is over.
- **A deadline** is the key's and stays when its value is replaced. The table has no clock and expires nothing.
- **A ticket** finds a key again without holding it (base/deadlines.py): in the compiled table it is a hash, in the
  twin the key. It counts while the key's `filed` is the time of the ticket's bucket.
- **A position** is a point in the space of hashes, from 0 to `END`, exclusive. Keys are walked in the order of their
  positions, so one that stays is met exactly once, whatever comes and goes meanwhile: SCAN's cursor, a slice of a
  snapshot and a random draw are all positions. They are below 2**53, so that a client may hold one in a double.
- **A watcher** gets each record that is there when it begins to watch once, as it is then: when `walk` comes to it, or
  right before it changes or goes. While nobody watches, a change pays one comparison for that. An object that is
  changed in place changes without the table: `preserve` comes before.
- **Memory** is counted as the allocator gives it, but for objects: who puts these weighs them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import islice
from random import randrange
from typing import Any

from geventcache.base.times import NEVER_MS

ABSENT, BYTES, INTEGER, DOUBLE, TEXT, OBJECT, DUE = range(7)
PACKED = 8
POSITION_BITS = 53
END = 1 << POSITION_BITS

# One dict of ten million keys stalls for a second when it grows: a table of many keys has 256.
_PART_BITS = 8
_SPLIT_ABOVE = 4096
_HASH_MASK = 0xFFFFFFFFFFFFFFFF
_HASH_SHIFT = 64 - POSITION_BITS
_SLOT_BYTES = 42  # an entry of a dict that is as full as dicts are on the average
_BYTES_OVERHEAD = 33
_BOX_BYTES = 104  # with the integer of the use
_TIMES_BYTES = 72
_NUMBER_BYTES = 32


class Text(bytes):
    """A string that is kept as text though it reads as an integer, as INCRBYFLOAT leaves it; OBJECT ENCODING tells."""

    __slots__ = ()


_KINDS: dict[type, int] = {bytes: BYTES, int: INTEGER, float: DOUBLE, Text: TEXT}


class Tickets:
    """The tickets of one time, in the order in which they were issued."""

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: list[bytes] = []

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.keys)

    def add(self, ticket: bytes) -> None:
        """Take one more."""
        self.keys.append(ticket)

    def extend(self, other: Tickets, start: int) -> None:
        """Take those of `other` from `start` on."""
        self.keys += other.keys[start:]

    def memory_usage(self) -> int:
        """Bytes of the tickets."""
        return 56 + 8 * len(self.keys)

    def release(self, count: int) -> bool:
        """Free up to `count` of them; True if none is left."""
        del self.keys[-count:]
        return not self.keys


class Watcher:
    """Takes the records of a table as they were when it began to watch."""

    def take(self, key: bytes, kind: int, value: Any, deadline_ms: int) -> int:
        """Take a record; return how much work that was. It must neither change the table nor raise."""
        raise NotImplementedError


class Sampler:
    """Chooses among keys that a table offers. It must not change the table."""

    def wants(self, use: int, deadline_ms: int) -> bool:
        """Is a key of which this is known wanted?"""
        raise NotImplementedError

    def take(self, ticket: Any) -> None:
        """Take the key that was wanted."""
        raise NotImplementedError


class _Box:
    """A value of which more is known than the value."""

    __slots__ = ("deadline_ms", "filed_ms", "use", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.deadline_ms = NEVER_MS
        self.filed_ms = 0
        self.use = 0

    def is_needed(self) -> bool:
        """Does it hold anything but the value?"""
        return self.deadline_ms != NEVER_MS or bool(self.filed_ms or self.use)


class Table:
    """Keys and their values.

    Attributes:
        packs: it holds packed containers. The twin does not: its containers are objects.
        count: keys.
        volatile: how many of them have a deadline.
        objects: how many of their values are objects.
        memory: bytes that all of it takes, objects aside.
        structure: how many of them no key's `size` counts.
        watcher: who takes records before they change, None while nobody does.
    """

    packs = False

    def __init__(self) -> None:
        self._parts: list[dict[bytes, Any]] = [{}]
        self._shift = self._mask = 0
        self.count = 0
        self.volatile = 0
        self.objects = 0
        self.memory = self.structure = 64
        self._changes = 0
        self._window: tuple[int, int, list[int], list[bytes]] = (0, -1, [], [])
        self._key = b""
        self._part = self._parts[0]
        self._held: Any = None
        self.watcher: Watcher | None = None
        self._met: set[bytes] = set()
        self._taken: set[bytes] = set()
        self._queue: list[bytes] = []
        self._walked = self._queued = 0

    def __len__(self) -> int:
        return self.count

    # ------------------------------------------------------------------ a place

    # What every request calls finds the place in lines of its own: to the interpreter a call would cost more.

    def seek(self, key: bytes) -> int:
        """Go to the place of `key`; return the kind of its value, ABSENT if there is none."""
        self._key = key
        self._part = part = self._parts[hash(key) >> self._shift & self._mask]
        self._held = held = part.get(key)
        if held is None:
            return ABSENT
        if type(held) is _Box:
            held = held.value
        return _KINDS.get(type(held), OBJECT)

    def seek_at(self, key: bytes, now_ms: int) -> int:
        """`seek` at a time: DUE if the key's deadline is not later."""
        self._key = key
        self._part = part = self._parts[hash(key) >> self._shift & self._mask]
        self._held = held = part.get(key)
        if held is None:
            return ABSENT
        if type(held) is _Box:
            if held.deadline_ms <= now_ms:
                return DUE
            held = held.value
        return _KINDS.get(type(held), OBJECT)

    def bytes_at(self, key: bytes, now_ms: int) -> bytes | None:
        """`seek_at` for bytes: they themselves, None if they are due or something else is there, or nothing."""
        self._key = key
        self._part = part = self._parts[hash(key) >> self._shift & self._mask]
        self._held = held = part.get(key)
        if type(held) is bytes:
            return held
        if type(held) is _Box and type(held.value) is bytes and held.deadline_ms > now_ms:
            return held.value
        return None

    def put_plain(self, key: bytes, value: Any) -> bool:
        """`seek` and `put` of bytes or an int where a key is new, or has neither times nor an object; else False."""
        self._key = key
        self._part = part = self._parts[hash(key) >> self._shift & self._mask]
        self._held = held = part.get(key)
        kind = type(value)
        if kind is bytes is type(held) and self.watcher is None:  # what mostly happens, without a call
            self.memory += len(value) - len(held)
            part[key] = self._held = value
            return True
        if (kind is bytes or kind is int) and (held is None or type(held) in _KINDS):
            self._store(value, 0)
            return True
        return False

    def redeem(self, tickets: Tickets, at: int, time_ms: int) -> int:
        """Go to the key of a ticket in the bucket of `time_ms`; return the kind of its value, ABSENT if it is stale."""
        kind = self.seek(tickets.keys[at])
        return kind if kind != ABSENT and self.filed() == time_ms else ABSENT

    def recall(self, ticket: bytes) -> int:
        """Go to the key of a ticket, in whatever bucket; return the kind of its value, ABSENT if the key is gone."""
        return self.seek(ticket)

    def ahead(self, keys: list[bytes]) -> None:
        """Fetch what is known of some keys that are about to be sought from memory into the caches."""

    def draw_ahead(self, count: int) -> None:
        """Fetch what the next calls of `random_key` will come to from memory into the caches."""

    # ------------------------------------------------------------------ at the place

    def key(self) -> bytes:
        """The key."""
        return self._key

    def value(self) -> Any:
        """The value: bytes, an int, a Text, or the object; of a packed container its bytes. The key must be there."""
        held = self._held
        return held.value if type(held) is _Box else held

    def put(self, value: Any) -> None:
        """Store a value: bytes, an int of 64 bits, a float, a Text or another object. The key's times stay."""
        held = self._held
        kind = type(value)
        if type(held) is kind and (kind is bytes or kind is int):  # what mostly happens, without a call
            if self.watcher is not None:
                self.preserve()
            memory = self.memory + (len(value) - len(held) if kind is bytes else 0)
            self._part[self._key] = self._held = value
            self.memory = memory
        elif type(held) is _Box:
            self._settle(value, held.deadline_ms, held.filed_ms)
        else:
            self._store(value, 0)

    def put_until(self, value: Any, deadline_ms: int, filed_ms: int) -> None:
        """`put` and `set_times` in one."""
        self._settle(value, deadline_ms, filed_ms)

    def object(self) -> Any:
        """The value if there is one and it is an object, else None."""
        value = self.value()
        return None if value is None or type(value) in _KINDS else value

    def put_packed(self, kind: int, value: bytes, deadline_ms: int, filed_ms: int) -> None:
        """Store a packed container, and the key's times."""
        raise NotImplementedError

    def remove(self) -> None:
        """Take the key out."""
        self.preserve()
        held = self._held
        count, changes = self.count - 1, self._changes + 1
        objects = self.objects - _is_object(held)
        volatile = self.volatile - (self.deadline() != NEVER_MS)
        memory = self.memory - _size(held) - _SLOT_BYTES - _BYTES_OVERHEAD - len(self._key)
        del self._part[self._key]
        self._held = None
        self.count = count
        self._changes = changes
        self.objects = objects
        self.volatile = volatile
        self.memory = memory

    def deadline(self) -> int:
        """The deadline in milliseconds since the epoch, NEVER_MS if the key has none."""
        held = self._held
        return held.deadline_ms if type(held) is _Box else NEVER_MS

    def filed(self) -> int:
        """The time of the bucket in which the key's ticket is, 0 if it has none."""
        held = self._held
        return held.filed_ms if type(held) is _Box else 0

    def set_times(self, deadline_ms: int, filed_ms: int) -> None:
        """Give the key a deadline and note where its ticket is; NEVER_MS and 0 take both away."""
        self._settle(self.value(), deadline_ms, filed_ms)

    def use(self) -> int:
        """What was noted of the key's use, 0 at first: 32 bits."""
        held = self._held
        return held.use if type(held) is _Box else 0

    def note_use(self, use: int) -> None:
        """Note the key's use."""
        box = self._boxed()
        box.use = use
        self._unbox(box)

    def ticket(self) -> bytes:
        """A ticket of the key."""
        return self._key

    def size(self) -> int:
        """Bytes that the key takes with its value, an object aside."""
        return _SLOT_BYTES + _BYTES_OVERHEAD + len(self._key) + _size(self._held)

    # ------------------------------------------------------------------ all keys

    def position(self, key: bytes) -> int:
        """The position of a key."""
        return (hash(key) & _HASH_MASK) >> _HASH_SHIFT

    def page(self, position: int, count: int) -> tuple[int, list[bytes]]:
        """About `count` keys from a position on, and the position that comes after them, END after the last.

        Keys whose positions begin alike come together, so that the low bits of a position in between are zeros: with
        as many beginnings as there are keys.
        """
        shift = POSITION_BITS - (_PART_BITS if self._mask else 0)
        grain = min(shift, POSITION_BITS - self.count.bit_length())
        found: list[bytes] = []
        while position < END and len(found) < count:
            number = position >> shift
            positions, keys = self._sorted_part(number)
            at = bisect_left(positions, position)
            stop = at + count - len(found)
            position = number + 1 << shift
            if stop < len(positions):
                position = (positions[stop - 1] >> grain) + 1 << grain
                stop = bisect_left(positions, position)
            found += keys[at:stop]
        return position, found

    def keys(self, now_ms: int) -> list[bytes]:
        """All keys whose deadline is later."""
        return [
            key
            for part in self._parts
            for key, held in part.items()
            if type(held) is not _Box or held.deadline_ms > now_ms
        ]

    def draw(self, count: int) -> list[bytes]:
        """Up to `count` keys, neighbours from a random position on, the first following the last."""
        if count >= self.count:
            return self.page(0, self.count)[1]
        start = randrange(END)
        found = self.page(start, count)[1]
        if len(found) < count:
            found += [key for key in self.page(0, count - len(found))[1] if self.position(key) < start]
        return found[:count]

    def sample(self, count: int, sampler: Sampler) -> None:
        """Offer about `count` keys, or all, from a random place on, if these are not more.

        They are neighbours, since that is cheap. So a key of a crowded place is less likely, which harms no dict.
        """
        keys = self.draw(count)
        at = randrange(len(keys)) if keys else 0
        for key in keys[at:] + keys[:at]:
            self.seek(key)
            if sampler.wants(self.use(), self.deadline()):
                sampler.take(key)

    def random_key(self) -> bytes | None:
        """A key, each as likely as any other; None if there is none."""
        if not self.count:
            return None
        at = randrange(self.count)
        for part in self._parts:
            if at < len(part):
                return next(islice(part, at, None))
            at -= len(part)
        raise AssertionError("the count is that of the parts")

    def sift(self, tickets: Tickets, start: int, stop: int, time_ms: int, kept: Tickets) -> None:
        """Add to `kept` those of tickets[start:stop] of the bucket of `time_ms` that still count, each once."""
        for key in dict.fromkeys(tickets.keys[start:stop]):
            if self.seek(key) != ABSENT and self.filed() == time_ms:
                kept.add(key)

    def copy(self) -> Table:
        """A table of its own with the same keys, values and times; without uses and a watcher."""
        made = Table()
        for key in self.keys(-1):
            self.seek(key)
            made.seek(key)
            made.put_until(self.value(), self.deadline(), self.filed())
        return made

    def release(self, count: int, bury: Callable[[Any], None]) -> bool:
        """Free up to `count` keys of a table that nobody uses any more, its objects by `bury`; True if none is left."""
        for part in self._parts:
            while part and count:
                if self.watcher is not None:
                    self.seek(next(reversed(part)))
                    self.preserve()
                held = part.popitem()[1]
                value = held.value if type(held) is _Box else held
                if _KINDS.get(type(value), OBJECT) == OBJECT:
                    bury(value)
                self.count -= 1
                count -= 1
        return not self.count

    # ------------------------------------------------------------------ watching

    def watch(self, watcher: Watcher) -> None:
        """Have a watcher take each record that is there as it is now: when `walk` comes to it, or before it changes."""
        if self.watcher is not None:
            raise ValueError("one watcher at a time")
        self.watcher = watcher
        self._walked = self._queued = 0

    def unwatch(self) -> None:
        """Have no watcher any more."""
        self.watcher = None
        self._met.clear()
        self._taken.clear()
        self._queue.clear()

    def walk(self, position: int, most: int) -> int:
        """Have the watcher take what it has not, from a position on; return where to go on, END after the last.

        It stops after records that were `most` work. A position is good for all that may happen to the table meanwhile.
        """
        while most > 0 and position < END:
            if self._queued <= position:
                shift = POSITION_BITS - (_PART_BITS if self._mask else 0)
                self._queue = list(self._parts[position >> shift])
                self._queued = (position >> shift) + 1 << shift
            while self._queue and most > 0:
                key = self._queue.pop()
                if key not in self._met and self.seek(key) != ABSENT:
                    self._taken.add(key)
                    most -= self._hand_over()
            if not self._queue:
                position = self._walked = self._queued
                self._taken.clear()
        return position

    def preserve(self) -> None:
        """Before the record at the place, if there is one, changes: also before its object is changed in place."""
        if self.watcher is None or self._key in self._taken or self._key in self._met:
            return
        if self.position(self._key) >= self._walked:
            self._met.add(self._key)
            if self._held is not None:
                self._hand_over()

    def _hand_over(self) -> int:
        """Have the watcher take the record at the place; return how much work that was."""
        if self.watcher is None:
            raise LookupError("nobody watches")
        value = self.value()
        return self.watcher.take(self._key, _KINDS.get(type(value), OBJECT), value, self.deadline())

    # ------------------------------------------------------------------ inside

    def _boxed(self) -> _Box:
        """The box of the key at the place, made if it has none."""
        held = self._held
        if type(held) is _Box:
            return held
        box = _Box(held)
        self.memory += _BOX_BYTES
        self._part[self._key] = self._held = box
        return box

    def _unbox(self, box: _Box) -> None:
        """Let a box go that holds nothing but the value."""
        if not box.is_needed():
            self.memory -= _BOX_BYTES
            self._part[self._key] = self._held = box.value

    def _settle(self, value: Any, deadline_ms: int, filed_ms: int) -> None:
        """Have this value and these times at the place."""
        box = _Box(value)
        box.deadline_ms = deadline_ms
        box.filed_ms = filed_ms
        box.use = self.use()
        volatile = (deadline_ms != NEVER_MS) - (self.deadline() != NEVER_MS)
        self._store(box if box.is_needed() else value, volatile)

    def _store(self, held: Any, volatile: int) -> None:
        """Have a value or a box at the place; without memory for it, nothing has changed."""
        if self.watcher is not None:
            self.preserve()
        former = self._held
        objects = self.objects + (type(held) not in _KINDS and _is_object(held))
        memory = self.memory + _size(held)
        count, changes = self.count, self._changes
        volatile += self.volatile
        if former is None:
            count += 1
            changes += 1
            memory += _SLOT_BYTES + _BYTES_OVERHEAD + len(self._key)
        else:
            objects -= _is_object(former)
            memory -= _size(former)
        self._part[self._key] = held
        self._held = held
        self.objects = objects
        self.memory = memory
        self.count = count
        self._changes = changes
        self.volatile = volatile
        if len(self._part) > _SPLIT_ABOVE and not self._mask:
            self._split()

    def _split(self) -> None:
        """Part the one dict into many."""
        held = self._parts[0]
        shift, mask = 64 - _PART_BITS, (1 << _PART_BITS) - 1
        parts: list[dict[bytes, Any]] = [{} for _ in range(1 << _PART_BITS)]
        for key, value in held.items():
            parts[hash(key) >> shift & mask][key] = value
        self._parts, self._shift, self._mask = parts, shift, mask
        self._part = self._parts[hash(self._key) >> self._shift & self._mask]
        self._changes += 1
        self.memory += 64 * len(self._parts) - self.structure
        self.structure = 64 * len(self._parts)

    def _sorted_part(self, number: int) -> tuple[list[int], list[bytes]]:
        """The positions of a part's keys, and the keys, in their order; kept while no key comes or goes."""
        made, of, positions, keys = self._window
        if made != self._changes or of != number:
            pairs = sorted((self.position(key), key) for key in self._parts[number])
            positions = [pair[0] for pair in pairs]
            keys = [pair[1] for pair in pairs]
            self._window = (self._changes, number, positions, keys)
        return positions, keys


def _is_object(held: Any) -> bool:
    """Is that value, or the one in that box, an object?"""
    return _KINDS.get(type(held.value if type(held) is _Box else held), OBJECT) == OBJECT


def _size(held: Any) -> int:
    """Bytes of a box and of a value, objects aside."""
    size = 0
    if type(held) is _Box:
        size = _BOX_BYTES + (_TIMES_BYTES if held.deadline_ms != NEVER_MS or held.filed_ms else 0)
        held = held.value
    kind = type(held)
    if kind is bytes or kind is Text:
        return size + _BYTES_OVERHEAD + len(held)
    return size + _NUMBER_BYTES if kind is int or kind is float else size
