"""Writes values as snapshots hold them, as plain lists of elements: all servers read these and pack them themselves."""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Any

from geventcache.persistence import kinds
from geventcache.persistence.output import Output
from geventcache.persistence.streams import stream_slices
from geventcache.store.keyspace import as_string
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

SLICE = 512
NO_DEADLINE = -1
DOUBLE = Struct("<d")
DEADLINE = Struct("<q")
KINDS = {b"list": kinds.LIST, b"set": kinds.SET, b"zset": kinds.ZSET, b"hash": kinds.HASH, b"stream": kinds.STREAM_7_0}


def kind_of(value: Any) -> int:
    """The type that stands for a value."""
    if not isinstance(value, Container):
        return kinds.STRING
    if isinstance(value, Hash) and value.deadlines is not None:
        return kinds.HASH_DEADLINES
    return KINDS[value.type_name]


def version_of(kind: int) -> int:
    """The version that a reader of this type must know."""
    return kinds.VERSION_OF_FIELD_DEADLINES if kind == kinds.HASH_DEADLINES else kinds.VERSION


def write_value(out: Output, value: Any) -> None:
    """Write a value, without its type."""
    for _ in value_slices(out, value):
        pass


def value_slices(out: Output, value: Any) -> Iterator[None]:
    """Write a value, without its type, with a pause after each of some hundred elements."""
    if isinstance(value, List):
        return element_slices(out, value.to_list())
    if isinstance(value, Set):
        return element_slices(out, value.names())
    if isinstance(value, SortedSet):
        return pair_slices(out, value)
    if isinstance(value, Hash):
        return field_slices(out, value) if value.deadlines is None else volatile_field_slices(out, value)
    if isinstance(value, Container):
        return stream_slices(out, value)  # type: ignore[arg-type] # all others were asked for
    out.string(as_string(value))
    return iter(())


def slices(elements: Iterable[Any]) -> Iterator[list[Any]]:
    """The elements in lists of some hundred."""
    held: list[Any] = []
    for element in elements:
        held.append(element)
        if len(held) == SLICE:
            yield held
            held = []
    yield held


def element_slices(out: Output, elements: list[bytes]) -> Iterator[None]:
    """Write a list or a set."""
    out.length(len(elements))
    for some in slices(elements):
        for element in some:
            out.string(element)
        yield


def pair_slices(out: Output, value: SortedSet) -> Iterator[None]:
    """Write a sorted set from the highest score down, which is what readers are quickest with."""
    pairs = value.pairs(0, len(value), True)
    out.length(len(pairs))
    for some in slices(pairs):
        for member, score in some:
            out.string(member)
            out.raw(DOUBLE.pack(score))
        yield


def field_slices(out: Output, value: Hash) -> Iterator[None]:
    """Write a hash."""
    out.length(len(value))
    for some in slices(list(value.to_dict().items())):
        for field, text in some:
            out.string(field)
            out.string(text)
        yield


def volatile_field_slices(out: Output, value: Hash) -> Iterator[None]:
    """Write a hash whose fields have deadlines; those that are due have deadlines as well."""
    out.length(len(value))
    items = [(field, text, value.deadline(field)) for field, text in value.to_dict().items()]
    for some in slices(items):
        for field, text, deadline_ms in some:
            out.string(field)
            out.string(text)
            out.raw(DEADLINE.pack(NO_DEADLINE if deadline_ms is None else deadline_ms))
        yield
