"""The keyspace: what each method announces, counts and hides."""

from __future__ import annotations

from itertools import pairwise

import pytest

from geventcache.base.errors import WRONG_TYPE, CommandError
from geventcache.store.databases import FREED_A_STEP
from geventcache.store.keyspace import Text, as_string
from geventcache.types.lists import List
from geventcache.types.sets import Set

from .keyspaces import START_MS, make_databases, make_keyspace, visit_due


def test_key_is_invisible_from_its_millisecond_on() -> None:
    """A key lives up to the millisecond before its deadline, and no method sees it from there on."""
    clock, keyspace, _ = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 10, b"set")
    clock.advance(9)
    assert keyspace.read_string(b"k") == b"v"
    clock.advance(1)
    assert keyspace.keys() == []
    assert keyspace.deadline(b"k") == 0
    assert keyspace.read_string(b"k") is None


@pytest.mark.parametrize("look", ["find", "read_string", "deadline", "delete", "persist", "expire_at_once"])
def test_whoever_finds_a_due_key_announces_it_once(look: str) -> None:
    """Any look at a due key removes it with one `expired`; the worker finds nothing then."""
    clock, keyspace, recorder = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 10, b"set")
    recorder.take()
    clock.advance(10)
    assert not getattr(keyspace, look)(b"k")
    assert not getattr(keyspace, look)(b"k")
    assert visit_due(keyspace) == 0
    assert recorder.take() == [(0, b"k", b"expired")]
    assert keyspace.expired == 1


def test_type_is_checked_after_expiry() -> None:
    """A due key of another type is no key."""
    clock, keyspace, _ = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 10, b"set")
    with pytest.raises(CommandError, match=WRONG_TYPE.decode()):
        keyspace.edit_or_create(b"k", List, b"rpush")
    clock.advance(10)
    keyspace.edit_or_create(b"k", List, b"rpush").push_right(b"a")
    keyspace.settle()
    assert keyspace.read_container(b"k", List).to_list() == [b"a"]


def test_new_key_is_announced_before_its_event() -> None:
    """A key that comes is `new` first; one that is overwritten is not."""
    _, keyspace, recorder = make_keyspace()
    keyspace.put(b"k", b"v", b"set")
    keyspace.put(b"k", b"w", b"set")
    keyspace.replace(b"k", b"x", b"set")
    assert recorder.take() == [(0, b"k", b"new"), (0, b"k", b"set"), (0, b"k", b"set"), (0, b"k", b"set")]


def test_edit_without_change_is_silent() -> None:
    """A container that was opened and left alone is neither announced nor counted."""
    _, keyspace, recorder = make_keyspace()
    keyspace.edit_or_create(b"l", List, b"rpush").push_right(b"a")
    keyspace.settle()
    recorder.take()
    dirty = keyspace.changes.dirty
    keyspace.edit(b"l", List, b"lrem")
    keyspace.settle()
    assert recorder.take() == []
    assert keyspace.changes.dirty == dirty


def test_emptied_container_is_deleted_after_its_event() -> None:
    """The last element takes the key with it: the command's event, then `del`."""
    _, keyspace, recorder = make_keyspace()
    keyspace.edit_or_create(b"l", List, b"rpush").push_right(b"a")
    keyspace.settle()
    recorder.take()
    keyspace.edit(b"l", List, b"lpop").pop_left()
    keyspace.settle()
    assert recorder.take() == [(0, b"l", b"lpop"), (0, b"l", b"del")]
    assert keyspace.find(b"l") is None


def test_container_that_stays_empty_never_was_a_key() -> None:
    """A container made for a command that puts nothing into it leaves no trace."""
    _, keyspace, recorder = make_keyspace()
    keyspace.edit_or_create(b"s", Set, b"sadd")
    keyspace.settle()
    assert recorder.take() == []
    assert len(keyspace) == 0


def test_transfer_takes_the_deadline_along() -> None:
    """A renamed key expires under its new name; its old name may be used again."""
    clock, keyspace, recorder = make_keyspace()
    keyspace.put_until(b"a", b"v", START_MS + 10, b"set")
    keyspace.put(b"b", b"w", b"set")
    recorder.take()
    assert keyspace.transfer(b"a", keyspace, b"b", b"rename_from", b"rename_to")
    assert recorder.take() == [(0, b"b", b"new"), (0, b"a", b"rename_from"), (0, b"b", b"rename_to")]
    keyspace.put(b"a", b"x", b"set")
    recorder.take()
    clock.advance(10)
    assert visit_due(keyspace) == 1
    assert recorder.take() == [(0, b"b", b"expired")]
    assert keyspace.keys() == [b"a"]


def test_transfer_of_nothing_changes_nothing() -> None:
    """A key that is not there leaves the target alone."""
    _, keyspace, recorder = make_keyspace()
    keyspace.put(b"b", b"w", b"set")
    recorder.take()
    assert not keyspace.transfer(b"a", keyspace, b"b", b"rename_from", b"rename_to")
    assert recorder.take() == []
    assert keyspace.find(b"b") == b"w"


def test_persisted_key_outlives_its_ticket() -> None:
    """The ticket of a persisted key comes up in vain."""
    clock, keyspace, recorder = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 10, b"set")
    assert keyspace.persist(b"k")
    assert not keyspace.persist(b"k")
    recorder.take()
    clock.advance(10)
    assert visit_due(keyspace) == 0
    assert keyspace.volatile == 0
    assert recorder.take() == []


def test_flushed_keys_do_not_expire() -> None:
    """After a flush no `expired` follows, and a new key of the same name is not touched by old tickets."""
    clock, keyspace, recorder = make_keyspace()
    keyspace.put_until(b"k", b"v", START_MS + 10, b"set")
    assert keyspace.flush() == 1
    keyspace.put(b"k", b"w", b"set")
    recorder.take()
    clock.advance(10)
    assert visit_due(keyspace) == 0
    assert recorder.take() == []
    assert keyspace.find(b"k") == b"w"


def test_deadline_in_the_past_is_an_expiry() -> None:
    """A key that is given a deadline in the past expires at once and is counted."""
    _, keyspace, recorder = make_keyspace()
    keyspace.put(b"k", b"v", b"set")
    recorder.take()
    assert keyspace.expire_at_once(b"k")
    assert not keyspace.expire_at_once(b"k")
    assert recorder.take() == [(0, b"k", b"expired")]
    assert keyspace.expired == 1


def test_reads_are_counted_and_edits_are_not() -> None:
    """Hits and misses come from reading alone."""
    _, keyspace, _ = make_keyspace()
    keyspace.put(b"k", b"v", b"set")
    keyspace.read_string(b"k")
    keyspace.read_string(b"missing")
    keyspace.find(b"k")
    keyspace.find_string(b"missing")
    keyspace.edit(b"missing", List, b"rpush")
    assert (keyspace.hits, keyspace.misses) == (1, 1)


def test_random_key_is_a_live_one() -> None:
    """Keys that are due are never drawn, and all others are in time."""
    clock, keyspace, _ = make_keyspace()
    for number in range(20):
        keyspace.put(b"live:%d" % number, b"v", b"set")
        keyspace.put_until(b"due:%d" % number, b"v", START_MS + 1, b"set")
    clock.advance(1)
    drawn = {keyspace.random_key() for _ in range(2000)}
    assert drawn == {b"live:%d" % number for number in range(20)}


def test_large_values_are_freed_in_steps() -> None:
    """A large container goes to the graveyard, whose steps are bounded."""
    _, databases = make_databases(1)
    keyspace = databases.get(0)
    keyspace.edit_or_create(b"l", List, b"rpush").extend_right([b"x" * 100] * 5000)
    keyspace.settle()
    keyspace.delete(b"l")
    steps = 1
    while not databases.graveyard.step():
        steps += 1
    assert 5 <= steps <= 20


def test_flushed_deadlines_are_freed_in_steps() -> None:
    """A million keys that share a deadline are one long list, which is not let go at once."""
    _, databases = make_databases(1)
    keyspace = databases.get(0)
    for number in range(5000):
        keyspace.put_until(b"%d" % number, b"v", START_MS + 1000, b"set")
    (bucket,) = keyspace.deadlines.buckets.values()
    keyspace.flush()
    sizes = [len(bucket)]
    while not databases.graveyard.step():
        sizes.append(len(bucket))
    assert not len(bucket)
    assert max(before - after for before, after in pairwise(sizes)) == FREED_A_STEP


@pytest.mark.parametrize("value", [b"12", 12, bytearray(b"12"), Text(b"12")])
def test_every_form_of_a_string_reads_as_bytes(value: object) -> None:
    """Whatever form a string is kept in, it is read as plain bytes."""
    _, keyspace, _ = make_keyspace()
    keyspace.put(b"k", value, b"set")
    assert type(keyspace.read_string(b"k")) is bytes
    assert keyspace.find_string(b"k") == as_string(value) == b"12"
