# cython: boundscheck=False, wraparound=False, cdivision=True
"""Strings as arrays of bits: bit 0 is the highest bit of the first byte, bits beyond the end are zero.

Bulk work goes through Python's big integers and the byte search of the C library, a piece of `PIECE` bytes at a time,
so that it runs at memory speed without being compiled and needs little memory beside its result. Functions that change
a string take a bytearray and grow it as needed; the rest take bytes or bytearray.
"""

import operator
from collections.abc import Callable, Sequence
from functools import reduce

import cython

from geventcache.base import native

Bits = bytes | bytearray
Number = int

PIECE = 32 * 1024
PIECE_OF_ZEROS = bytes(PIECE)
PIECE_OF_ONES = b"\xff" * PIECE
OPERATORS: dict[bytes, Callable[[int, int], int]] = {
    b"AND": operator.and_,
    b"OR": operator.or_,
    b"XOR": operator.xor,
}
INVERTED = bytes(range(255, -1, -1))
WRAP = b"WRAP"
SAT = b"SAT"
FAIL = b"FAIL"
MAX_U64 = 2**64 - 1


# Single bits


def get_bit(data: Bits, offset: cython.longlong) -> cython.int:
    """The bit at an offset."""
    place: cython.Py_ssize_t = offset >> 3
    if place >= len(data):
        return 0
    byte: cython.int = data[place]
    return byte >> (7 - (offset & 7)) & 1


def set_bit(data: bytearray, offset: cython.longlong, bit: cython.int) -> cython.int:
    """Set the bit at an offset to 0 or 1; return what it was."""
    grow_to_bit(data, offset)
    place: cython.Py_ssize_t = offset >> 3
    mask: cython.int = 0x80 >> (offset & 7)
    old: cython.int = data[place]
    data[place] = old | mask if bit else old & ~mask
    return 1 if old & mask else 0


def grow_to_bit(data: bytearray, offset: cython.longlong) -> None:
    """Extend a string with zeros until it has a bit at an offset."""
    missing: cython.Py_ssize_t = (offset >> 3) + 1 - len(data)
    if missing > 0:
        data.extend(bytes(missing))


# Ranges


def bit_range(
    size: cython.Py_ssize_t, start: cython.longlong, end: cython.longlong, is_bit: cython.bint
) -> tuple[int, int]:
    """The first and last bit of a range in a string of `size` bytes; the last is before the first in an empty range.

    Arguments:
        start, end: both included; in bytes, or in bits with `is_bit`; negative ones count from the end of the string.
    """
    total: cython.longlong = size * 8 if is_bit else size
    first: cython.longlong = start + total if start < 0 else start
    last: cython.longlong = end + total if end < 0 else end
    first = max(first, 0)
    last = min(max(last, 0), total - 1)
    if first > last:
        return 0, -1
    return (first, last) if is_bit else (first * 8, last * 8 + 7)


def count_ones(
    data: Bits, start: cython.longlong = 0, end: cython.longlong = -1, is_bit: cython.bint = False
) -> cython.longlong:
    """How many bits of a range (see `bit_range`) are set; none if its ends, both negative, are in the wrong order."""
    first: cython.longlong
    last: cython.longlong
    first, last = bit_range(len(data), start, end, is_bit)
    if end < start < 0 or last < first:
        return 0
    low: cython.Py_ssize_t = first >> 3
    high: cython.Py_ssize_t = (last >> 3) + 1
    ones: cython.longlong = native.count_ones(data, low, high)
    if is_bit:
        before = data[low] >> (8 - (first & 7))
        after = data[high - 1] & (0x7F >> (last & 7))
        ones -= before.bit_count() + after.bit_count()
    return ones


def find_bit(
    data: Bits,
    bit: cython.int,
    start: cython.longlong = 0,
    end: cython.longlong = -1,
    is_bit: cython.bint = False,
    is_end_given: cython.bint = False,
) -> cython.longlong:
    """The position of the first bit of a range (see `bit_range`) that is set, or clear; -1 if there is none.

    A string whose bits are all set is taken to go on with a clear one, unless the end of the range was given.
    """
    first: cython.longlong
    last: cython.longlong
    first, last = bit_range(len(data), start, end, is_bit)
    if last < first:
        return -1
    position: cython.longlong = first_bit(data, bit, first, last)
    if position <= last:
        return position
    return -1 if bit or is_end_given else len(data) * 8


def first_bit(data: Bits, bit: cython.int, first: cython.longlong, last: cython.longlong) -> cython.longlong:
    """The first bit from `first` on that equals `bit`; a position after `last` if there is none up to there."""
    flip: cython.int = 0 if bit else 0xFF
    place: cython.Py_ssize_t = first >> 3
    byte: cython.int = data[place]
    byte = (byte ^ flip) & (0xFF >> (first & 7))
    if not byte:
        place = skip_bytes(data, place + 1, (last >> 3) + 1, PIECE_OF_ZEROS if bit else PIECE_OF_ONES)
        if place > last >> 3:
            return last + 1
        byte = data[place]
        byte ^= flip
    position: cython.longlong = place * 8
    while not byte & 0x80:
        byte <<= 1
        position += 1
    return position


def skip_bytes(data: Bits, start: cython.Py_ssize_t, stop: cython.Py_ssize_t, piece: bytes) -> cython.Py_ssize_t:
    """The place of the first byte of data[start:stop] that is not the byte `piece` consists of; `stop` if all are."""
    while start + PIECE <= stop and data.startswith(piece, start):
        start += PIECE
    rest = part(data, start, min(start + PIECE, stop))
    return start + len(rest) - len(rest.lstrip(piece[:1]))


def part(data: Bits, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> bytes:
    """data[start:stop], as bytes: without memory, Python frees a bytearray that is half made."""
    return bytes(memoryview(data)[start:stop])


# Whole strings


def combine(name: bytes, values: Sequence[Bits]) -> bytes:
    """The bits of all strings combined by an operator of `OPERATORS`; the shorter ones go on with zeros."""
    combined = OPERATORS[name]
    size = max(map(len, values), default=0)
    pieces = []
    for at in range(0, size, PIECE):
        numbers = [int.from_bytes(value[at : at + PIECE], "little") for value in values]
        pieces.append(reduce(combined, numbers).to_bytes(min(PIECE, size - at), "little"))
    return b"".join(pieces)


def invert(value: Bits) -> bytes:
    """Every bit of a string turned over."""
    return bytes(value).translate(INVERTED)


# Integers of any width at any bit


class FieldKind:
    """The type of an integer within a string.

    Attributes:
        is_signed: it may be negative.
        bits: its width, 1 to 64, for unsigned ones to 63.
        low, high: the least value and the greatest.
    """

    def __init__(self, is_signed: bool, bits: Number) -> None:
        self.is_signed = is_signed
        self.bits = bits
        self.low = -(1 << (bits - 1)) if is_signed else 0
        self.high = (1 << (bits - is_signed)) - 1

    def wrap(self, value: Number) -> Number:
        """The value that the lowest `bits` bits of an integer mean."""
        return ((value - self.low) & ((1 << self.bits) - 1)) + self.low

    def fit(self, value: Number, policy: bytes) -> "Number | None":
        """A value within the range: wrapped round, or the nearest (SAT), or None for one that is outside (FAIL)."""
        if self.low <= value <= self.high:
            return value
        if policy == FAIL:
            return None
        return self.wrap(value) if policy == WRAP else min(max(value, self.low), self.high)


KINDS = {b"i%d" % bits: FieldKind(True, bits) for bits in range(1, 65)}
KINDS |= {b"u%d" % bits: FieldKind(False, bits) for bits in range(1, 64)}


def parse_kind(text: bytes) -> "FieldKind | None":
    """The type that ``i1`` to ``i64`` or ``u1`` to ``u63`` names, or None."""
    return KINDS.get(text)


def get_field(data: Bits, kind: FieldKind, offset: Number) -> Number:
    """The integer whose highest bit is at an offset."""
    low, high = offset >> 3, (offset + kind.bits + 7) >> 3
    span = int.from_bytes(part(data, low, high).ljust(high - low, b"\0"), "big")
    return kind.wrap(span >> (high * 8 - offset - kind.bits))


def put_field(data: bytearray, kind: FieldKind, offset: Number, value: Number) -> None:
    """Write an integer that is within its type's range."""
    grow_to_bit(data, offset + kind.bits - 1)
    low, high = offset >> 3, (offset + kind.bits + 7) >> 3
    shift = high * 8 - offset - kind.bits
    mask = ((1 << kind.bits) - 1) << shift
    span = int.from_bytes(part(data, low, high), "big")
    data[low:high] = (span & ~mask | value << shift & mask).to_bytes(high - low, "big")


def set_field(data: bytearray, kind: FieldKind, offset: Number, value: Number, policy: bytes) -> "Number | None":
    """Write any 64-bit integer; return the old one, or None if it does not fit and nothing was written.

    An unsigned type takes a negative value as the great number that its 64 bits are.
    """
    old = get_field(data, kind, offset)
    if not kind.is_signed:
        value &= MAX_U64
    elif kind.high - value >= 2**63 and kind.bits < 64:
        # The reference's distance to the greatest value overflows here, and so it saturates upwards.
        value = kind.high if policy == SAT else value
    fitting = kind.fit(value, policy)
    if fitting is None:
        return None
    put_field(data, kind, offset, fitting)
    return old


def increment_field(
    data: bytearray, kind: FieldKind, offset: Number, increment: Number, policy: bytes
) -> "Number | None":
    """Add to an integer; return the new one, or None if that does not fit and nothing was written."""
    fitting = kind.fit(get_field(data, kind, offset) + increment, policy)
    if fitting is not None:
        put_field(data, kind, offset, fitting)
    return fitting
