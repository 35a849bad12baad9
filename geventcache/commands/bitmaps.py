"""Strings as arrays of bits. A string becomes a bytearray when a bit of it is set, and is then changed in place.

What a command grows is grown after all its arguments were found right: an offset alone may ask for half a gigabyte.
"""

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.native import scan_integer
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types.bits import (
    FAIL,
    OPERATORS,
    SAT,
    WRAP,
    FieldKind,
    combine,
    count_ones,
    find_bit,
    get_bit,
    get_field,
    grow_to_bit,
    increment_field,
    invert,
    parse_kind,
    set_bit,
    set_field,
)

SETBIT = event(b"setbit", "$")
SET = event(b"set", "$")
DEL = event(b"del", "g")
# Listeners hear of a change that has no name on the wire.
UNNAMED = b""
# How many arguments an operation of BITFIELD has after its name.
STEP_SIZES = {b"GET": 2, b"SET": 3, b"INCRBY": 3}
WRITING_STEPS = frozenset((b"SET", b"INCRBY"))
HASH_SIGN = 35
INT64_SPAN = 2**64
INT64_MAX = 2**63 - 1
# No need to ask for proto-max-bulk-len, which is no less, below this.
LEAST_LIMIT = 1 << 20


@cython.cfunc
def bits_of(v):
    """A string value as bytes or bytearray, uncopied; None stays None.

    Raises:
        CommandError: WRONGTYPE.
    """
    return v if v is None or type(v) is bytearray else as_string(v)


@cython.cfunc
def bit_offset(ctx: Client, text: bytes) -> cython.longlong:
    """The offset of a bit within the greatest string there may be.

    Raises:
        CommandError: it is no integer, negative or too large.
    """
    offset: cython.longlong
    is_integer: cython.bint
    offset, is_integer = scan_integer(text)
    if not is_integer or offset < 0:
        raise CommandError(errors.BIT_OFFSET_INVALID)
    place: cython.longlong = offset >> 3
    if place >= LEAST_LIMIT and place >= ctx.server.config["proto-max-bulk-len"] and not ctx.is_repeating:
        raise CommandError(errors.BIT_OFFSET_INVALID)
    return offset


@command(
    "SETBIT",
    "bitmap",
    arity=4,
    flags="write denyoom",
    keys=[at(1, "RW access update")],
    since="2.2.0",
    complexity="O(1)",
    args="key#0 offset:integer value:integer",
)
def setbit(ctx: Client, key: bytes, offset: bytes, value: bytes):
    """Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist."""
    db: Keyspace = ctx.db
    place: cython.longlong = bit_offset(ctx, offset)
    if value != b"1" and value != b"0":
        raise CommandError(errors.BIT_INVALID)
    data: bytearray = db.find_buffer(key, place >> 3, (place >> 3) + 1) or bytearray()
    size: cython.Py_ssize_t = len(data)
    bit: cython.int = value == b"1"
    old: cython.int = set_bit(data, place, bit)
    if old != bit or len(data) != size:
        db.put_buffer(key, data, SETBIT)
    return old


@command(
    "GETBIT",
    "bitmap",
    arity=3,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="2.2.0",
    complexity="O(1)",
    args="key#0 offset:integer",
)
def getbit(ctx: Client, key: bytes, offset: bytes):
    """Returns a bit value by offset."""
    place: cython.longlong = bit_offset(ctx, offset)
    data = bits_of(ctx.db.read(key))
    return 0 if data is None else get_bit(data, place)


@cython.cfunc
def is_bit_unit(text: bytes) -> cython.bint:
    """Whether a word is BIT, and not BYTE.

    Raises:
        CommandError: it is neither.
    """
    unit = text.upper()
    if unit not in (b"BIT", b"BYTE"):
        raise CommandError(errors.SYNTAX)
    return unit == b"BIT"


@cython.cfunc
def range_of(args: tuple) -> tuple[cython.longlong, cython.longlong, cython.bint]:
    """The start, the end and whether they are bits, of ``[start [end [BYTE|BIT]]]``.

    Raises:
        CommandError: they are something else.
    """
    if len(args) > 3:
        raise CommandError(errors.SYNTAX)
    start: cython.longlong = integer(args[0]) if args else 0
    is_bit: cython.bint = len(args) == 3 and is_bit_unit(args[2])
    end: cython.longlong = integer(args[1]) if len(args) > 1 else -1
    return start, end, is_bit


@command(
    "BITCOUNT",
    "bitmap",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.6.0",
    complexity="O(N)",
    args="key#0 range{start:integer end-unit-block{end:integer unit(BYTE | BIT)@7.0.0?}?}?",
    history=[
        ("7.0.0", "Added the `BYTE|BIT` option."),
        ("8.0.0", "`end` made optional; when called without argument the command reports the last BYTE."),
    ],
)
def bitcount(ctx: Client, key: bytes, *args: bytes):
    """Counts the number of set bits (population counting) in a string."""
    start: cython.longlong
    end: cython.longlong
    is_bit: cython.bint
    start, end, is_bit = range_of(args)
    data = bits_of(ctx.db.read(key))
    return 0 if data is None else count_ones(data, start, end, is_bit)


@command(
    "BITPOS",
    "bitmap",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.8.7",
    complexity="O(N)",
    args="key#0 bit:integer range{start:integer end-unit-block{end:integer unit(BYTE | BIT)@7.0.0?}?}?",
    history=[("7.0.0", "Added the `BYTE|BIT` option.")],
)
def bitpos(ctx: Client, key: bytes, bit: bytes, *args: bytes):
    """Finds the first set (1) or clear (0) bit in a string."""
    wanted = integer(bit)
    if wanted not in (0, 1):
        raise CommandError(errors.BIT_NOT_BINARY)
    start: cython.longlong
    end: cython.longlong
    is_bit: cython.bint
    start, end, is_bit = range_of(args)
    data = bits_of(ctx.db.read(key))
    if data is None:
        return -1 if wanted else 0
    return find_bit(data, wanted, start, end, is_bit, len(args) > 1)


@command(
    "BITOP",
    "bitmap",
    arity=-4,
    flags="write denyoom",
    keys=[at(2, "OW update"), at(3, "RO access", last=-1)],
    since="2.6.0",
    complexity="O(N)",
    args="operation(AND | OR | XOR | NOT) destkey#0 key#1*",
)
def bitop(ctx: Client, operation: bytes, destination: bytes, key: bytes, *keys: bytes):
    """Performs bitwise operations on multiple strings, and stores the result."""
    db: Keyspace = ctx.db
    name = operation.upper()
    if name != b"NOT" and name not in OPERATORS:
        raise CommandError(errors.SYNTAX)
    if name == b"NOT" and keys:
        raise CommandError(errors.BITOP_NOT_SINGLE)
    values = [bits_of(db.read(source)) or b"" for source in (key, *keys)]
    result = invert(values[0]) if name == b"NOT" else combine(name, values)
    if result:
        db.put(destination, bytearray(result), SET)
    else:
        db.delete(destination, DEL)
    return len(result)


class FieldStep:
    """One operation of BITFIELD: GET (without a number), SET or INCRBY."""

    def __init__(
        self, name: bytes, kind: FieldKind, offset: cython.longlong, number: cython.longlong, policy: bytes
    ) -> None:
        self.name = name
        self.kind = kind
        self.offset = offset
        self.number = number
        self.policy = policy

    def run(self, data):
        """Do it; return the answer (None for a number that does not fit), whether it was written, whether it is new."""
        old = get_field(data, self.kind, self.offset)
        if self.name == b"GET":
            return old, False, False
        change = set_field if self.name == b"SET" else increment_field
        answer = change(data, self.kind, self.offset, self.number, self.policy)
        return answer, answer is not None, get_field(data, self.kind, self.offset) != old


@cython.cfunc
def field_offset(ctx: Client, text: bytes, kind: FieldKind) -> cython.longlong:
    """The offset of an integer in bits; after ``#`` it counts integers of this size, and wraps as 64 bits do.

    Raises:
        CommandError: it is no integer, negative or too large.
    """
    if not text or text[0] != HASH_SIGN:
        return bit_offset(ctx, text)
    number = parse_integer(text[1:])
    if number is None:
        raise CommandError(errors.BIT_OFFSET_INVALID)
    wrapped = number * kind.bits % INT64_SPAN
    return bit_offset(ctx, b"%d" % (wrapped if wrapped <= INT64_MAX else wrapped - INT64_SPAN))


def overflow_policy(text: bytes) -> bytes:
    """WRAP, SAT or FAIL.

    Raises:
        CommandError: it is none of them.
    """
    policy = text.upper()
    if policy not in (WRAP, SAT, FAIL):
        raise CommandError(errors.BITFIELD_OVERFLOW)
    return policy


@cython.cfunc
def parse_steps(ctx: Client, args: tuple) -> list[FieldStep]:
    """The operations that BITFIELD is asked for.

    Raises:
        CommandError: an operation is unknown or lacks something, or a number is wrong.
    """
    steps = []
    policy = WRAP
    i: cython.Py_ssize_t = 0
    left: cython.Py_ssize_t
    size: cython.Py_ssize_t
    while i < len(args):
        name = args[i].upper()
        left = len(args) - i - 1
        if name == b"OVERFLOW" and left:
            policy = overflow_policy(args[i + 1])
            i += 2
            continue
        size = STEP_SIZES.get(name, left + 1)
        if size > left:
            raise CommandError(errors.SYNTAX)
        kind = parse_kind(args[i + 1])
        if kind is None:
            raise CommandError(errors.BITFIELD_TYPE)
        offset = field_offset(ctx, args[i + 2], kind)
        steps.append(FieldStep(name, kind, offset, integer(args[i + 3]) if size == 3 else 0, policy))
        i += size + 1
    return steps


def read_fields(ctx: Client, key: bytes, steps: list[FieldStep]) -> list[int]:
    """The values of operations that all are GET."""
    data = bits_of(ctx.db.read(key)) or b""
    return [step.run(data)[0] for step in steps]


def bitfield_key_flags(args: list[bytes]) -> tuple[str, ...]:
    """BITFIELD only reads its key unless it is to set or increment something."""
    if not WRITING_STEPS.isdisjoint([arg.upper() for arg in args[2:]]):
        return ("RW", "access", "update")
    return ("RO", "access")


@command(
    "BITFIELD",
    "bitmap",
    arity=-2,
    flags="write denyoom",
    keys=[
        at(1, "RW access update variable_flags", notes="This command allows both access and modification of the key")
    ],
    since="3.2.0",
    complexity="O(1) for each subcommand specified",
    args=(
        "key#0 operation(GET=get-block{encoding offset:integer} | write{OVERFLOW=overflow-block(WRAP | SAT | FAIL)? "
        "write-operation(SET=set-block{encoding offset:integer value:integer} | INCRBY=incrby-block{encoding "
        "offset:integer increment:integer})})?*"
    ),
    key_flags=bitfield_key_flags,
)
def bitfield(ctx: Client, key: bytes, *args: bytes):
    """Performs arbitrary bitfield integer operations on strings."""
    db: Keyspace = ctx.db
    steps = parse_steps(ctx, args)
    ends = [step.offset + step.kind.bits - 1 for step in steps if step.name != b"GET"]
    if not ends:
        return read_fields(ctx, key, steps)
    start = min([step.offset for step in steps]) >> 3
    data = db.find_buffer(key, start, (max(ends) >> 3) + 1) or bytearray()
    size = len(data)
    grow_to_bit(data, max(ends))
    outcomes = [step.run(data) for step in steps]
    has_grown = len(data) != size
    if has_grown or True in [is_changed for _, _, is_changed in outcomes]:
        # A string that grew for a number that then did not fit has grown in silence.
        event = SETBIT if True in [is_written for _, is_written, _ in outcomes] else UNNAMED
        db.put_buffer(key, data, event)
    return [answer for answer, _, _ in outcomes]


@command(
    "BITFIELD_RO",
    "bitmap",
    arity=-2,
    flags="readonly fast",
    keys=[at(1, "RO access")],
    since="6.0.0",
    complexity="O(1) for each subcommand specified",
    args="key#0 GET=get-block{encoding offset:integer}?*+",
)
def bitfield_ro(ctx: Client, key: bytes, *args: bytes):
    """Performs arbitrary read-only bitfield integer operations on strings."""
    steps = parse_steps(ctx, args)
    if [step for step in steps if step.name != b"GET"]:
        raise CommandError(errors.BITFIELD_READ_ONLY)
    return read_fields(ctx, key, steps)
