# cython: boundscheck=False, wraparound=False, cdivision=True
"""HyperLogLogs: strings in which 16384 registers estimate how many different elements were added.

The bytes are the reference's own, so that a string copied from one server serves on the other: a header of 16 bytes
(``HYLL``, the encoding, three zeros, the last count as eight bytes, whose highest bit says that it is out of date),
then the registers.

- Dense: six bits a register, four registers in three bytes, the lowest bits first.
- Sparse: runs of registers, as ``00nnnnnn`` (n + 1 zeros), ``01nnnnnn nnnnnnnn`` (n + 1 zeros) and ``1vvvvvnn``
  (n + 1 times v + 1). It becomes dense for good when a value is over 32 or the string would grow beyond a limit.

Functions that change a string take a bytearray. The estimator is Otmar Ertl's, "New cardinality estimation algorithms
for HyperLogLog sketches" (arXiv:1702.01284); the hash is MurmurHash64A.
"""

import math
from typing import TypeAlias

import cython

from geventcache.base import native

Data: TypeAlias = bytes | bytearray
Elements: TypeAlias = list[bytes]

MAGIC = b"HYLL"
HEADER = 16
DENSE = 0
SPARSE = 1
REGISTERS = 16384
INDEX_BITS = 14
HASH_BITS = 50
DENSE_SIZE = HEADER + REGISTERS // 4 * 3
STALE = 0x80
SHARE = 1.0 / REGISTERS
ALPHA = 0.721347520444481703680
INFINITE = float("inf")

MAX_VALUES = 64
MAX_SHORT_ZEROS = 64
MAX_SPARSE_VALUE = 32
MAX_VALUE_RUN = 4
MERGE_WINDOW = 5

MASK_64 = 2**64 - 1
MURMUR_SEED = 0xADC83B19
MURMUR_FACTOR = 0xC6A4A7935BD1E995
MURMUR_SHIFT = 47


class CorruptedError(ValueError):
    """The registers of a string that calls itself a HyperLogLog make no sense."""


# The string as a whole


def create() -> bytearray:
    """A HyperLogLog that has seen nothing."""
    return bytearray(MAGIC + bytes((SPARSE,)) + bytes(11) + zeros(REGISTERS))


def is_valid(data: Data) -> bool:
    """Tell whether a string looks like a HyperLogLog."""
    if len(data) < HEADER or data[:4] != MAGIC:
        return False
    return data[4] == SPARSE or (data[4] == DENSE and len(data) == DENSE_SIZE)


def is_sparse(data: Data) -> bool:
    """Tell whether a HyperLogLog is in its sparse encoding."""
    return data[4] == SPARSE


def cached_count(data: Data) -> "int | None":
    """The count that a HyperLogLog remembers; None if it is out of date."""
    return None if data[HEADER - 1] & STALE else int.from_bytes(data[8:HEADER], "little")


def cache_count(data: bytearray, count: int) -> None:
    """Make a HyperLogLog remember its count."""
    data[8:HEADER] = (count & MAX_COUNT).to_bytes(8, "little")


def add(data: bytearray, elements: Elements, sparse_max_bytes: cython.Py_ssize_t) -> cython.bint:
    """Add elements; return whether a register changed.

    Raises CorruptedError, with those elements added that came first.
    """
    is_changed: cython.bint = False
    for element in elements:
        hashed: cython.ulonglong = hash_bytes(element)
        index: cython.Py_ssize_t = hashed & (REGISTERS - 1)
        if raise_register(data, index, pattern_length(hashed), sparse_max_bytes):
            is_changed = True
    if is_changed:
        data[HEADER - 1] |= STALE
    return is_changed


def count(values: list[Data]) -> int:
    """The estimated number of different elements in the union of HyperLogLogs.

    Raises CorruptedError.
    """
    return estimate(union(values))


def merge(data: bytearray, values: list[Data], sparse_max_bytes: cython.Py_ssize_t) -> None:
    """Add to a HyperLogLog what others have seen; it becomes dense if one of them is.

    Raises CorruptedError, with nothing changed.
    """
    joined = union([data, *values])
    if not all(map(is_sparse, values)):
        to_dense(data)
    index: cython.Py_ssize_t
    for index in range(REGISTERS):
        if joined[index]:
            raise_register(data, index, joined[index], sparse_max_bytes)
    data[HEADER - 1] |= STALE


def union(values: list[Data]) -> bytearray:
    """The registers of the union of HyperLogLogs."""
    joined: bytearray = bytearray(REGISTERS)
    index: cython.Py_ssize_t
    for value in values:
        values_registers: bytearray = registers(value)
        for index in range(REGISTERS):
            if values_registers[index] > joined[index]:
                joined[index] = values_registers[index]
    return joined


def registers(value: Data) -> bytearray:
    """The value of each register. Raises CorruptedError."""
    data: bytearray = bytearray(value)
    if data[4] == DENSE:
        return dense_registers(data)
    found: bytearray = bytearray()
    at: cython.Py_ssize_t = HEADER
    while at < len(data):
        if len(found) + run_length(data, at) > REGISTERS:
            raise CorruptedError
        found += bytes((run_value(data, at),)) * run_length(data, at)
        at += run_size(data, at)
    if len(found) != REGISTERS:
        raise CorruptedError
    return found


def to_dense(data: bytearray) -> bool:
    """Make a HyperLogLog dense; return whether it was not. Raises CorruptedError."""
    if not is_sparse(data):
        return False
    found: bytearray = registers(data)
    data[4] = DENSE
    data[HEADER:] = bytes(DENSE_SIZE - HEADER)
    index: cython.Py_ssize_t
    for index in range(REGISTERS):
        if found[index]:
            raise_dense(data, index, found[index])
    return True


def decode(value: Data) -> bytes:
    """The runs of a sparse HyperLogLog as the reference's debugging command writes them."""
    data: bytearray = bytearray(value)
    words = []
    at: cython.Py_ssize_t = HEADER
    while at < len(data):
        run = run_length(data, at)
        if data[at] & 0x80:
            words.append(b"v:%d,%d" % (run_value(data, at), run))
        else:
            words.append(b"%c:%d" % (b"Z" if data[at] & 0x40 else b"z", run))
        at += run_size(data, at)
    return b" ".join(words)


# One register


def raise_register(
    data: bytearray, index: cython.Py_ssize_t, value: cython.int, sparse_max_bytes: cython.Py_ssize_t
) -> cython.bint:
    """Make a register at least `value`; return whether it was less."""
    if data[4] == SPARSE:
        return raise_sparse(data, index, value, sparse_max_bytes)
    return raise_dense(data, index, value)


def raise_dense(data: bytearray, index: cython.Py_ssize_t, value: cython.int) -> cython.bint:
    """Make a register of a dense HyperLogLog at least `value`; return whether it was less."""
    at: cython.Py_ssize_t = HEADER + (index >> 2) * 3
    shift: cython.int = (index & 3) * 6
    group: cython.int = data[at] | data[at + 1] << 8 | data[at + 2] << 16
    if group >> shift & 63 >= value:
        return False
    group = group & ~(63 << shift) | value << shift
    data[at] = group & 0xFF
    data[at + 1] = group >> 8 & 0xFF
    data[at + 2] = group >> 16 & 0xFF
    return True


def raise_sparse(
    data: bytearray, index: cython.Py_ssize_t, value: cython.int, sparse_max_bytes: cython.Py_ssize_t
) -> cython.bint:
    """Make a register of a sparse HyperLogLog at least `value`, dense if need be; return whether it was less."""
    if value > MAX_SPARSE_VALUE:
        to_dense(data)
        return raise_dense(data, index, value)
    at: cython.Py_ssize_t = HEADER
    before: cython.Py_ssize_t = HEADER
    first: cython.Py_ssize_t = 0
    size: cython.Py_ssize_t = len(data)
    while at < size and first + run_length(data, at) <= index:
        first += run_length(data, at)
        before = at
        at += run_size(data, at)
    if at >= size:
        raise CorruptedError
    if run_value(data, at) >= value:
        return False
    runs = split_run(data, at, first, index, value)
    growth: cython.Py_ssize_t = len(runs) - run_size(data, at)
    if growth > 0 and size + growth > sparse_max_bytes:
        to_dense(data)
        return raise_dense(data, index, value)
    data[at : at + run_size(data, at)] = runs
    join_runs(data, before)
    return True


# Runs of the sparse encoding


def run_length(data: bytearray, at: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """How many registers the run at a place has."""
    code: cython.int = data[at]
    if code & 0x80:
        return (code & 3) + 1
    if code & 0x40:
        return ((code & 63) << 8) + (data[at + 1] if at + 1 < len(data) else 0) + 1
    return code + 1


def run_value(data: bytearray, at: cython.Py_ssize_t) -> cython.int:
    """The value of the registers in the run at a place."""
    code: cython.int = data[at]
    return (code >> 2 & 31) + 1 if code & 0x80 else 0


def run_size(data: bytearray, at: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """How many bytes the run at a place takes."""
    return 2 if data[at] & 0xC0 == 0x40 else 1


def zeros(length: cython.Py_ssize_t) -> bytes:
    """A run of zeros; nothing when `length` is 0."""
    if length == 0:
        return b""
    if length <= MAX_SHORT_ZEROS:
        return bytes((length - 1,))
    return bytes((0x40 | (length - 1) >> 8, (length - 1) & 0xFF))


def equals(value: cython.int, length: cython.Py_ssize_t) -> bytes:
    """A run of registers that have the same value; nothing when `length` is 0."""
    return bytes((0x80 | (value - 1) << 2 | (length - 1),)) if length else b""


def split_run(
    data: bytearray, at: cython.Py_ssize_t, first: cython.Py_ssize_t, index: cython.Py_ssize_t, value: cython.int
) -> bytes:
    """The runs that take the place of the one at `at`, whose first register is `first`, when one register changes."""
    left: cython.Py_ssize_t = index - first
    right: cython.Py_ssize_t = run_length(data, at) - left - 1
    old: cython.int = run_value(data, at)
    if old == 0:
        return zeros(left) + equals(value, 1) + zeros(right)
    return equals(old, left) + equals(value, 1) + equals(old, right)


def join_runs(data: bytearray, at: cython.Py_ssize_t) -> None:
    """Join neighbours of the same value, where the length allows, within a few runs from a place on."""
    steps: cython.int = MERGE_WINDOW
    while at < len(data) and steps:
        steps -= 1
        if can_join(data, at):
            data[at + 1] += run_length(data, at)
            del data[at]
        else:
            at += run_size(data, at)


def can_join(data: bytearray, at: cython.Py_ssize_t) -> cython.bint:
    """Tell whether the run at a place and the next one have the same value, and room for each other."""
    if at + 1 >= len(data) or not data[at] & 0x80 or run_value(data, at) != run_value(data, at + 1):
        return False
    return run_length(data, at) + run_length(data, at + 1) <= MAX_VALUE_RUN


def dense_registers(data: bytearray) -> bytearray:
    """The value of each register of a dense HyperLogLog."""
    found: bytearray = bytearray(REGISTERS)
    at: cython.Py_ssize_t = HEADER
    index: cython.Py_ssize_t
    group: cython.int
    for index in range(0, REGISTERS, 4):
        group = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        found[index] = group & 63
        found[index + 1] = group >> 6 & 63
        found[index + 2] = group >> 12 & 63
        found[index + 3] = group >> 18
        at += 3
    return found


# Numbers


def hash_bytes(element: bytes) -> cython.ulonglong:
    """The MurmurHash64A of some bytes."""
    size: cython.Py_ssize_t = len(element)
    rest: cython.Py_ssize_t = size & 7
    hashed: cython.ulonglong = MURMUR_SEED ^ (size * MURMUR_FACTOR & MASK_64)
    word: cython.ulonglong
    at: cython.Py_ssize_t
    for at in range(0, size - rest, 8):
        word = little_endian(element, at, 8) * MURMUR_FACTOR & MASK_64
        word ^= word >> MURMUR_SHIFT
        hashed ^= word * MURMUR_FACTOR & MASK_64
        hashed = hashed * MURMUR_FACTOR & MASK_64
    if rest:
        hashed ^= little_endian(element, size - rest, rest)
        hashed = hashed * MURMUR_FACTOR & MASK_64
    hashed ^= hashed >> MURMUR_SHIFT
    hashed = hashed * MURMUR_FACTOR & MASK_64
    return hashed ^ hashed >> MURMUR_SHIFT


def little_endian(element: bytes, start: cython.Py_ssize_t, size: cython.Py_ssize_t) -> cython.ulonglong:
    """The number that up to eight bytes are, the lowest first."""
    number: cython.ulonglong = 0
    at: cython.Py_ssize_t
    for at in range(start + size - 1, start - 1, -1):
        number = number << 8 | element[at]
    return number


def pattern_length(hashed: cython.ulonglong) -> cython.int:
    """One more than how many zeros follow the index in a hash, lowest bit first."""
    bits: cython.ulonglong = hashed >> INDEX_BITS
    length: cython.int = 1
    while length <= HASH_BITS and not bits & 1:
        bits >>= 1
        length += 1
    return length


LIMIT = 2.0**63
ENDLESS = -(2**63)  # what the reference makes of an estimate that is no 64-bit integer
MAX_COUNT = 2**64 - 1


def estimate(found: bytearray) -> int:
    """The estimated number of elements that left these registers."""
    counts = native.histogram(found, MAX_VALUES)
    # Shares are products: a quotient of two integers would be cut off in C.
    z = REGISTERS * tau(1.0 - counts[HASH_BITS + 1] * SHARE)
    for value in range(HASH_BITS, 0, -1):
        z = (z + counts[value]) * 0.5
    z += REGISTERS * sigma(counts[0] * SHARE)
    estimated = ALPHA * REGISTERS * REGISTERS / z if z else INFINITE
    if estimated >= LIMIT:  # registers that no hash brings
        return ENDLESS
    whole = int(estimated)
    return whole + 1 if estimated - whole >= 0.5 else whole


def sigma(x: float) -> float:
    """Ertl's sigma, which corrects for registers that are still zero."""
    if x == 1.0:
        return INFINITE
    y = 1.0
    z = x
    before = -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def tau(x: float) -> float:
    """Ertl's tau, which corrects for registers that cannot grow."""
    if x in (0.0, 1.0):
        return 0.0
    y = 1.0
    z = 1.0 - x
    before = -1.0
    while z != before:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1.0 - x) ** 2 * y
    return z / 3.0
