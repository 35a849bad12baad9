# cython: boundscheck=False, wraparound=False
"""Makes values of what snapshots hold: every type that a server has written since version 1, modules' own aside.

A value is made by the rules of the type's commands, so its encoding here is what the reference's would be. Elements
that repeat, scores that are no numbers and sets out of order are refused, as damage that they are.

The elements of a large value go into it one by one as they are read, for others have their turns while bytes are
waited for: nothing is done for all of them at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cython

from geventcache.base.numbers import parse_float
from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds
from geventcache.persistence.cursor import Cursor, DataError
from geventcache.persistence.listpack import as_text, read_listpack
from geventcache.persistence.streams import read_stream
from geventcache.persistence.ziplist import read_intset, read_ziplist, read_zipmap
from geventcache.types.elements import HASHTABLE
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.lists import List
from geventcache.types.scored import SKIPLIST
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

MANY = 1 << 31
NO_DEADLINE = -1
PLAIN_NODE = 1
PACKED_NODE = 2
# A score of type 3 is a length and as many digits, or one of these.
OLD_SCORES = {254: float("inf"), 255: float("-inf")}
NOT_A_NUMBER = 253
REPEATED_MEMBER = "a member repeats"
NO_NUMBER = "a score is not a number"
MODULE_NAME_LENGTH = 9
MODULE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class EmptyValueError(DataError):
    """A container without elements, which no key holds."""


def read_value(cursor: Cursor, kind: int, limits: EncodingLimits) -> Any:
    """The value of a type that stands at the cursor.

    Raises:
        DataError: there is none, or it is of a module's type.
        EmptyValueError: it has no elements; the cursor stands behind it.
    """
    if kind == kinds.STRING:
        return cursor.string()
    read = READERS.get(kind)
    if read is None:
        raise DataError(f"unknown type {kind}")
    return read(cursor, kind, limits)


# ---------------------------------------------------------------------- lists


def read_list(cursor: Cursor, kind: int, limits: EncodingLimits) -> List:
    """A list, element by element."""
    value: List = List(limits)
    value.begin()
    for _ in range(cursor.length()):
        value.put(cursor.string(), False)
    value.end()
    check_some(value)
    return value


def read_packed_list(cursor: Cursor, kind: int, limits: EncodingLimits) -> List:
    """A list in one ziplist."""
    return make_list(texts(read_ziplist(cursor.string())), limits)


def read_quicklist(cursor: Cursor, kind: int, limits: EncodingLimits) -> List:
    """A list in several ziplists, or, since version 7, listpacks and single elements."""
    value = List(limits)
    value.begin()
    for _ in range(cursor.length()):
        node_kind = PACKED_NODE if kind == kinds.LIST_QUICKLIST else cursor.length()
        text = cursor.string()
        if node_kind == PLAIN_NODE:
            value.load_alone(text)
        elif node_kind == PACKED_NODE:
            value.load_node(texts((read_ziplist if kind == kinds.LIST_QUICKLIST else read_listpack)(text)))
        else:
            raise DataError("unknown kind of node in a list")
    value.end()
    check_some(value)
    return value


@cython.cfunc
def make_list(elements: list[bytes], limits: EncodingLimits) -> List:
    """A list of these elements."""
    check_some(elements)
    value = List(limits)
    value.replace(elements)
    return value


# ---------------------------------------------------------------------- sets


def read_set(cursor: Cursor, kind: int, limits: EncodingLimits) -> Set:
    """A set, member by member."""
    count: cython.ulonglong = cursor.length()
    if count <= max(limits.set_max_intset_entries, limits.set_max_listpack_entries):
        return make_set([cursor.string() for _ in range(count)], limits)
    value: Set = Set(limits)
    value.become(HASHTABLE)
    for _ in range(count):
        if not value.add(cursor.string()):
            raise DataError(REPEATED_MEMBER)
    return value


def read_intset_value(cursor: Cursor, kind: int, limits: EncodingLimits) -> Set:
    """A set of integers."""
    return make_set(texts(read_intset(cursor.string())), limits)


def read_packed_set(cursor: Cursor, kind: int, limits: EncodingLimits) -> Set:
    """A set in a listpack."""
    return make_set(texts(read_listpack(cursor.string())), limits)


@cython.cfunc
def make_set(members: list[bytes], limits: EncodingLimits) -> Set:
    """A set of these members."""
    check_some(members)
    different = dict.fromkeys(members)
    if len(different) != len(members):
        raise DataError(REPEATED_MEMBER)
    value = Set(limits)
    value.fill(different)
    return value


# ---------------------------------------------------------------------- sorted sets


def read_sorted_set(cursor: Cursor, kind: int, limits: EncodingLimits) -> SortedSet:
    """A sorted set, member by member."""
    scores: dict[bytes, float] = {}
    count: cython.ulonglong = cursor.length()
    if count > limits.zset_max_listpack_entries:
        return read_large_sorted_set(cursor, kind, count, limits)
    for _ in range(count):
        member = cursor.string()
        scores[member] = read_score(cursor, kind)
    return make_sorted_set(scores, count, limits)


@cython.cfunc
def read_large_sorted_set(cursor: Cursor, kind: int, count: cython.ulonglong, limits: EncodingLimits) -> SortedSet:
    """A sorted set of more members than stand in a listpack."""
    value: SortedSet = SortedSet(limits)
    value.become(SKIPLIST)
    for _ in range(count):
        member = cursor.string()
        score: cython.double = read_score(cursor, kind)
        if score != score:
            raise DataError(NO_NUMBER)
        if value.add(member, score) != 1:
            raise DataError(REPEATED_MEMBER)
    return value


@cython.cfunc
def read_score(cursor: Cursor, kind: int) -> float:
    """A score of a sorted set of that type."""
    return cursor.score() if kind == kinds.ZSET else read_old_score(cursor)


@cython.cfunc
def read_old_score(cursor: Cursor) -> float:
    """A score in digits."""
    size = cursor.byte()
    if size < NOT_A_NUMBER:
        return as_score(cursor.take(size))
    if size == NOT_A_NUMBER:
        raise DataError(NO_NUMBER)
    return OLD_SCORES[size]


def read_packed_sorted_set(cursor: Cursor, kind: int, limits: EncodingLimits) -> SortedSet:
    """A sorted set in a ziplist or a listpack."""
    text = cursor.string()
    elements = (read_ziplist if kind == kinds.ZSET_ZIPLIST else read_listpack)(text)
    check_groups(elements, 2)
    scores = {as_text(elements[i]): as_score(elements[i + 1]) for i in range(0, len(elements), 2)}
    return make_sorted_set(scores, len(elements) // 2, limits)


@cython.cfunc
def as_score(element: Any) -> float:
    """An element as the score that it stands for."""
    score = parse_float(element) if isinstance(element, bytes) else float(element)
    if score is None:
        raise DataError(NO_NUMBER)
    return score


@cython.cfunc
def make_sorted_set(scores: dict[bytes, float], count: int, limits: EncodingLimits) -> SortedSet:
    """A sorted set of what were `count` members."""
    check_some(scores)
    if len(scores) != count:
        raise DataError(REPEATED_MEMBER)
    for score in scores.values():
        if score != score:
            raise DataError(NO_NUMBER)
    value = SortedSet(limits)
    value.fill(scores)
    return value


# ---------------------------------------------------------------------- hashes


def read_hash(cursor: Cursor, kind: int, limits: EncodingLimits) -> Hash:
    """A hash, field by field."""
    count: cython.ulonglong = cursor.length()
    value = new_hash(count, limits)
    for _ in range(count):
        field = cursor.string()
        add_field(value, field, cursor.string())
    return checked_hash(value)


def read_packed_hash(cursor: Cursor, kind: int, limits: EncodingLimits) -> Hash:
    """A hash in a zipmap, a ziplist or a listpack."""
    text = cursor.string()
    elements: Sequence[Any] = PACKED_HASHES[kind](text)
    check_groups(elements, 2)
    value = new_hash(len(elements) // 2, limits)
    for i in range(0, len(elements), 2):
        add_field(value, as_text(elements[i]), as_text(elements[i + 1]))
    return checked_hash(value)


def read_volatile_hash(cursor: Cursor, kind: int, limits: EncodingLimits) -> Hash:
    """A hash whose fields may have deadlines, as Valkey writes it."""
    count: cython.ulonglong = cursor.length()
    value = new_hash(count, limits)
    for _ in range(count):
        field = cursor.string()
        add_field(value, field, cursor.string())
        deadline_ms = cursor.signed_number(8)
        if deadline_ms != NO_DEADLINE:
            give_deadline(value, field, deadline_ms)
    return checked_hash(value)


def read_redis_volatile_hash(cursor: Cursor, kind: int, limits: EncodingLimits) -> Hash:
    """The same as Redis writes it: deadlines count from the first of them, less one."""
    first_ms = cursor.signed_number(8)
    count: cython.ulonglong = cursor.length()
    value = new_hash(count, limits)
    for _ in range(count):
        distance: int = cursor.length()
        field = cursor.string()
        add_field(value, field, cursor.string())
        if distance:
            give_deadline(value, field, first_ms + distance - 1)
    return checked_hash(value)


def read_redis_packed_volatile_hash(cursor: Cursor, kind: int, limits: EncodingLimits) -> Hash:
    """The same in a listpack, with the deadlines, or 0, as they are."""
    cursor.signed_number(8)
    elements = read_listpack(cursor.string())
    check_groups(elements, 3)
    value = new_hash(len(elements) // 3, limits)
    for i in range(0, len(elements), 3):
        field, deadline_ms = as_text(elements[i]), elements[i + 2]
        add_field(value, field, as_text(elements[i + 1]))
        if not isinstance(deadline_ms, int):
            raise DataError("a deadline is not a number")
        if deadline_ms:
            give_deadline(value, field, deadline_ms)
    return checked_hash(value)


def new_hash(count: cython.ulonglong, limits: EncodingLimits) -> Hash:
    """A hash that is told how many fields are to come."""
    value = Hash(limits)
    value.expect(min(count, MANY))
    return value


def add_field(value: Hash, field: bytes, text: bytes) -> None:
    """Give a hash one more field."""
    if not value.set(field, text, 0):
        raise DataError("a field repeats")


@cython.cfunc
def give_deadline(value: Hash, field: bytes, deadline_ms: int) -> None:
    """Give a field a deadline, which may have passed."""
    if not 0 <= deadline_ms < 1 << 63:
        raise DataError("a deadline is out of range")
    if deadline_ms < NEVER_MS:
        value.set_deadline(field, deadline_ms)


@cython.cfunc
def checked_hash(value: Hash) -> Hash:
    """The hash, all of whose fields have come."""
    check_some(value)
    return value


# ---------------------------------------------------------------------- for all of them


@cython.cfunc
def texts(elements: Sequence[Any]) -> list[bytes]:
    """All elements as the strings that they stand for."""
    return [as_text(element) for element in elements]


@cython.cfunc
def check_some(elements: Any) -> None:
    """Refuse what has no elements."""
    if not len(elements):
        raise EmptyValueError("a container without elements")


@cython.cfunc
def check_groups(elements: Sequence[Any], size: int) -> None:
    """Refuse elements that do not come in groups of that size."""
    if len(elements) % size:
        raise DataError("an element is missing")


def refuse_module(cursor: Cursor, kind: int, limits: EncodingLimits) -> Any:
    """A value that only a module can read."""
    number: int = cursor.length() >> 10
    letters = [MODULE_LETTERS[number >> 6 * i & 63] for i in range(MODULE_NAME_LENGTH)]
    raise DataError(f"a value of the module type '{''.join(reversed(letters))}'")


PACKED_HASHES: dict[int, Callable[[bytes], Sequence[Any]]] = {
    kinds.HASH_ZIPMAP: read_zipmap,
    kinds.HASH_ZIPLIST: read_ziplist,
    kinds.HASH_LISTPACK: read_listpack,
}
READERS: dict[int, Callable[[Cursor, int, EncodingLimits], Any]] = {
    kinds.LIST: read_list,
    kinds.SET: read_set,
    kinds.ZSET_OLD: read_sorted_set,
    kinds.HASH: read_hash,
    kinds.ZSET: read_sorted_set,
    kinds.MODULE_OLD: refuse_module,
    kinds.MODULE: refuse_module,
    kinds.HASH_ZIPMAP: read_packed_hash,
    kinds.LIST_ZIPLIST: read_packed_list,
    kinds.SET_INTSET: read_intset_value,
    kinds.ZSET_ZIPLIST: read_packed_sorted_set,
    kinds.HASH_ZIPLIST: read_packed_hash,
    kinds.LIST_QUICKLIST: read_quicklist,
    kinds.STREAM_5_0: read_stream,
    kinds.HASH_LISTPACK: read_packed_hash,
    kinds.ZSET_LISTPACK: read_packed_sorted_set,
    kinds.LIST_QUICKLIST_2: read_quicklist,
    kinds.STREAM_7_0: read_stream,
    kinds.SET_LISTPACK: read_packed_set,
    kinds.STREAM_7_2: read_stream,
    kinds.HASH_DEADLINES: read_volatile_hash,
    kinds.HASH_DEADLINES_REDIS: read_redis_volatile_hash,
    kinds.HASH_DEADLINES_LISTPACK: read_redis_packed_volatile_hash,
}
