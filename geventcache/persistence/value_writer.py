"""Writes values as snapshots hold them, as plain lists of elements: all servers read these and pack them themselves."""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any

from geventcache.persistence import kinds
from geventcache.persistence.output import Output
from geventcache.persistence.streams import StreamImage
from geventcache.store.keyspace import as_string
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet
from geventcache.types.streams import Stream

# Between two pauses.
SLICE = 512
SLICE_BYTES = 64 << 10
NO_DEADLINE = -1
DOUBLE = Struct("<d")
DEADLINE = Struct("<q")
KINDS = {b"list": kinds.LIST, b"set": kinds.SET, b"zset": kinds.ZSET, b"hash": kinds.HASH, b"stream": kinds.STREAM_7_0}


def kind_of(value: Any, is_plain: bool = False) -> int:
    """The type that stands for a value; a plain hash is without the deadlines of its fields."""
    if not isinstance(value, Container):
        return kinds.STRING
    if isinstance(value, Hash) and value.deadlines is not None and not is_plain:
        return kinds.HASH_DEADLINES
    return KINDS[value.type_name]


def version_of(kind: int) -> int:
    """The version that a reader of this type must know."""
    return kinds.VERSION_OF_FIELD_DEADLINES if kind == kinds.HASH_DEADLINES else kinds.VERSION


def write_value(out: Output, value: Any, is_plain: bool = False) -> None:
    """Write a value, without its type."""
    for _ in value_slices(out, value, is_plain):
        pass


def value_slices(out: Output, value: Any, is_plain: bool = False) -> Iterator[None]:
    """Write a value, without its type, with a pause after each of some hundred elements."""
    if isinstance(value, Stream):
        return StreamImage(value, is_watched=False).slices(out)
    if isinstance(value, List):
        return list_slices(out, value)
    if isinstance(value, Container):
        return element_slices(out, kind_of(value, is_plain), elements_of(value, is_plain))
    out.string(as_string(value))
    return iter(())


def elements_of(value: Any, is_plain: bool = False) -> list[Any]:
    """The elements of a hash, a set or a sorted set, as a list of its own, in the order in which they are written."""
    if isinstance(value, Set):
        return list(value.names())
    if isinstance(value, SortedSet):
        return value.pairs(0, len(value), True)  # from the highest score down, which is what readers are quickest with
    if value.deadlines is None or is_plain:
        return list(value.to_dict().items())
    return [(field, text, value.deadline(field)) for field, text in value.to_dict().items()]


def list_slices(out: Output, value: List) -> Iterator[None]:
    """Write a list, without a list of all its elements."""
    out.length(len(value))
    for elements in value.pages():
        for element in elements:
            out.string(element)
        yield


def element_slices(out: Output, kind: int, elements: list[Any]) -> Iterator[None]:
    """Write the elements of a hash, a set or a sorted set."""
    write = WRITERS[kind]
    out.length(len(elements))
    start, started = out.size, 0
    for number, element in enumerate(elements):
        if number - started >= SLICE or out.size - start >= SLICE_BYTES:
            yield
            start, started = out.size, number
        write(out, element)


def write_name(out: Output, name: bytes) -> None:
    """Write a member of a set."""
    out.string(name)


def write_pair(out: Output, pair: tuple[bytes, float]) -> None:
    """Write a member of a sorted set with its score."""
    out.string(pair[0])
    out.raw(DOUBLE.pack(pair[1]))


def write_field(out: Output, field: tuple[bytes, bytes]) -> None:
    """Write a field and its value."""
    out.string(field[0])
    out.string(field[1])


def write_volatile_field(out: Output, field: tuple[bytes, bytes, int | None]) -> None:
    """Write a field and its value with a deadline; those that are due have deadlines as well."""
    out.string(field[0])
    out.string(field[1])
    out.raw(DEADLINE.pack(NO_DEADLINE if field[2] is None else field[2]))


WRITERS: dict[int, Callable[[Output, Any], None]] = {
    kinds.SET: write_name,
    kinds.ZSET: write_pair,
    kinds.HASH: write_field,
    kinds.HASH_DEADLINES: write_volatile_field,
}
