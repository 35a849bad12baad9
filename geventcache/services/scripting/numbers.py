"""What the libraries of scripts compute with numbers and bytes: the bit and struct libraries, floats, random numbers.

Stock Lua 5.1 has neither bitwise operators nor a view of a number's bytes. Every function takes values as Lua gives
them and returns ``(True, results...)`` or ``(False, message)``: nothing is raised into Lua.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

MASK = 0xFFFFFFFF
MAX_SIZE = 32
MAX_ALIGNMENT = 8
WORD_MASK = (1 << 64) - 1
# 2^52 + 2^51: added to a number, the low bits of the sum are those of the nearest integer.
ROUNDING = 6755399441055744.0
TYPE_NAMES = {type(None): "nil", bool: "boolean", bytes: "string", int: "number", float: "number"}
ABSENT = object()


class ArgumentError(Exception):
    """A value that a library function cannot take; the message is Lua's."""


def number_of(value: Any, position: int, name: str) -> float:
    """A number, or text that is one.

    Raises:
        ArgumentError: it is none.
    """
    if type(value) is int or type(value) is float:
        return value
    if type(value) is bytes:
        try:
            text = value.strip()
            return int(text, 16) if text[:2].lower() == b"0x" else float(text)
        except ValueError:
            pass
    raise ArgumentError(f"bad argument #{position} to '{name}' (number expected, got {type_name(value)})")


def text_of(value: Any, position: int, name: str) -> bytes:
    """Text, or a number as text.

    Raises:
        ArgumentError: it is neither.
    """
    if type(value) is bytes:
        return value
    if type(value) is int or type(value) is float:
        return b"%.14g" % value
    raise ArgumentError(f"bad argument #{position} to '{name}' (string expected, got {type_name(value)})")


def type_name(value: Any) -> str:
    """The name that Lua has for a value's type; an argument that is not there is ``no value``."""
    if value is ABSENT:
        return "no value"
    return TYPE_NAMES.get(type(value), "table")


def bits_of(number: float) -> int:
    """The low 32 bits of the nearest integer, as the reference finds them, for numbers that are too large as well."""
    return int.from_bytes(struct.pack("<d", float(number) + ROUNDING)[:4], "little")


def integer_of(number: float) -> int:
    """A number without its fraction; 0 for one that 64 bits do not hold."""
    return int(number) if abs(number) < 1 << 64 else 0


# -------------------------------------------------------------------- bit


def signed(bits: int) -> int:
    """The low 32 bits as a signed integer."""
    bits &= MASK
    return bits - (MASK + 1) if bits & 0x80000000 else bits


def fold(name: str, operation: Callable[[int, int], int], values: tuple[Any, ...]) -> int:
    """Apply a binary operation to all values, at least one."""
    if not values:
        values = (ABSENT,)
    bits = [bits_of(number_of(value, i + 1, name)) for i, value in enumerate(values)]
    result = bits[0]
    for other in bits[1:]:
        result = operation(result, other)
    return signed(result)


def shift(name: str, values: tuple[Any, ...]) -> int:
    """Shift or rotate a value by a count, of which the low five bits matter."""
    value, count = (*values, ABSENT, ABSENT)[:2]
    bits = bits_of(number_of(value, 1, name))
    by = bits_of(number_of(count, 2, name)) & 31
    if name == "lshift":
        return signed(bits << by)
    if name == "rshift":
        return signed(bits >> by)
    if name == "arshift":
        return signed(signed(bits) >> by)
    if name == "ror":
        by = -by & 31
    return signed(bits << by | bits >> (32 - by))


def to_hex(values: tuple[Any, ...]) -> bytes:
    """The low digits in hexadecimal; a negative count asks for capitals."""
    bits = bits_of(number_of((*values, ABSENT)[0], 1, "tohex"))
    count = signed(bits_of(number_of(values[1], 2, "tohex"))) if len(values) > 1 else 8
    width = min(abs(count), 8)
    digits = b"%0*x" % (8, bits)
    digits = digits[8 - width :]
    return digits.upper() if count < 0 else digits


BINARY: dict[str, Callable[[int, int], int]] = {
    "band": lambda a, b: a & b,
    "bor": lambda a, b: a | b,
    "bxor": lambda a, b: a ^ b,
}


def bit(name: bytes, *values: Any) -> tuple[Any, ...]:
    """A function of the bit library."""
    function = name.decode()
    try:
        return True, bit_value(function, values)
    except ArgumentError as error:
        return False, str(error).encode()


def bit_value(name: str, values: tuple[Any, ...]) -> int | bytes:
    """The result of a function of the bit library."""
    if name in BINARY:
        return fold(name, BINARY[name], values)
    if name == "tohex":
        return to_hex(values)
    if name in ("tobit", "bnot", "bswap"):
        bits = bits_of(number_of((*values, ABSENT)[0], 1, name))
        if name == "bswap":
            bits = int.from_bytes(bits.to_bytes(4, "little"), "big")
        return signed(~bits if name == "bnot" else bits)
    return shift(name, values)


# -------------------------------------------------------------------- struct


class Format:
    """A format of the struct library, read item by item.

    Attributes:
        name: of the function that reads it.
        order: ``little`` or ``big``.
        alignment: the largest alignment; 1 aligns nothing.
    """

    SIZES: ClassVar = {"b": 1, "B": 1, "h": 2, "H": 2, "l": 8, "L": 8, "T": 8, "f": 4, "d": 8, "x": 1}

    def __init__(self, text: bytes, name: str) -> None:
        self.text = text.decode("latin-1")
        self.name = name
        self.position = 0
        self.order = "little"
        self.alignment = 1

    def items(self) -> Iterator[tuple[str, int]]:
        """Yield letter and size of every item, controls applied.

        Raises:
            ArgumentError: the format is wrong.
        """
        while self.position < len(self.text):
            letter = self.text[self.position]
            self.position += 1
            size = self.size_of(letter)
            if size is None:
                self.control(letter)
            else:
                yield letter, size

    def size_of(self, letter: str) -> int | None:
        """The size of an item, None for what is none."""
        if letter in self.SIZES:
            return self.SIZES[letter]
        if letter in "iI":
            size = self.count(4)
            if size > MAX_SIZE:
                raise ArgumentError(f"integral size {size} is larger than limit of {MAX_SIZE}")
            return size
        if letter == "c":
            return self.count(1)
        return 0 if letter == "s" else None

    def count(self, default: int) -> int:
        """The decimal that follows."""
        end = self.position
        while end < len(self.text) and self.text[end].isdigit():
            end += 1
        if end == self.position:
            return default
        number = int(self.text[self.position : end])
        self.position = end
        if number > 0x7FFFFFFF:
            raise ArgumentError("integral size overflow")
        return number

    def control(self, letter: str) -> None:
        """Apply what is no item."""
        if letter == " ":
            return
        if letter in "<>":
            self.order = "little" if letter == "<" else "big"
        elif letter == "!":
            self.alignment = self.count(MAX_ALIGNMENT)
            if self.alignment == 0 or self.alignment & (self.alignment - 1):
                raise ArgumentError(f"alignment {self.alignment} is not a power of 2")
        elif self.name != "size":
            raise ArgumentError(f"bad argument #1 to '{self.name}' (invalid format option '{letter}')")

    def padding(self, position: int, letter: str, size: int) -> int:
        """How many bytes before an item align it."""
        size = min(size, self.alignment)
        if size == 0 or letter == "c":
            return 0
        return -position % size if size & (size - 1) == 0 else (size - (position & (size - 1))) & (size - 1)


def pack_values(text: bytes, values: tuple[Any, ...]) -> bytes:
    """Values as bytes."""
    layout = Format(text, "pack")
    out = bytearray()
    given = iter(enumerate(values, 2))
    for letter, size in layout.items():
        out += bytes(layout.padding(len(out), letter, size))
        if letter == "x":
            out += b"\0"
        else:
            position, value = next(given, (len(values) + 2, None))
            out += pack_item(layout, letter, size, value, position)
    return bytes(out)


def pack_item(layout: Format, letter: str, size: int, value: Any, position: int) -> bytes:
    """One value as bytes."""
    if letter in "fd":
        number = number_of(value, position, "pack")
        return pack_real(float(number), size, layout.order)
    if letter in "sc":
        data = text_of(value, position, "pack")
        if letter == "s":
            return data + b"\0"
        size = size or len(data)
        if len(data) < size:
            raise ArgumentError(f"bad argument #{position + 1} to 'pack' (string too short)")
        return data[:size]
    number = number_of(value, position, "pack")
    bits = integer_of(number) & WORD_MASK
    data = bits.to_bytes(max(size, 8), "little")[:size]
    return data if layout.order == "little" else data[::-1]


def pack_real(number: float, size: int, order: str) -> bytes:
    """A float of 4 or 8 bytes; what is too large for 4 is infinite."""
    code = ("<" if order == "little" else ">") + ("f" if size == 4 else "d")
    try:
        return struct.pack(code, number)
    except OverflowError:
        return struct.pack(code, float("inf") if number > 0 else float("-inf"))


def unpack_values(text: bytes, data: bytes, start: int) -> tuple[Any, ...]:
    """Bytes as values, and the position after them, counted from 1."""
    layout = Format(text, "unpack")
    position = start
    found: list[Any] = []
    for letter, size in layout.items():
        position += layout.padding(position, letter, size)
        if position + size > len(data):
            raise ArgumentError("bad argument #2 to 'unpack' (data string too short)")
        if letter == "s":
            end = data.find(b"\0", position)
            if end < 0:
                raise ArgumentError("unfinished string in data")
            found.append(data[position:end])
            position = end + 1
            continue
        if letter == "c" and size == 0:
            size = counted(found)
            if size < 0 or position + size > len(data):
                raise ArgumentError("bad argument #2 to 'unpack' (data string too short)")
        if letter != "x":
            found.append(unpack_item(layout, letter, data[position : position + size]))
        position += size
    return (*found, position + 1)


def counted(found: list[Any]) -> int:
    """The size of a string of format ``c0``: the value before it."""
    try:
        return integer_of(number_of(found.pop(), 1, "unpack"))
    except (IndexError, ArgumentError):
        raise ArgumentError("format 'c0' needs a previous size") from None


def unpack_item(layout: Format, letter: str, data: bytes) -> Any:
    """One value of bytes."""
    if letter == "c":
        return data
    if letter in "fd":
        return struct.unpack(("<" if layout.order == "little" else ">") + letter, data)[0]
    bits = int.from_bytes(data if layout.order == "little" else data[::-1], "little") & WORD_MASK
    if letter in "bhil":
        limit = 1 << (8 * min(len(data), 8))
        return float(bits - limit if bits & limit >> 1 else bits)
    return float(bits)


def size_of_format(text: bytes) -> int:
    """How many bytes a format packs."""
    layout = Format(text, "size")
    size = 0
    for letter, item_size in layout.items():
        size += layout.padding(size, letter, item_size)
        if letter == "s":
            raise ArgumentError("bad argument #1 to 'size' (option 's' has no fixed size)")
        if letter == "c" and item_size == 0:
            raise ArgumentError("bad argument #1 to 'size' (option 'c0' has no fixed size)")
        size += item_size
    return size


def struct_(name: bytes, *values: Any) -> tuple[Any, ...]:
    """A function of the struct library."""
    function = name.decode()
    try:
        text = text_of((*values, ABSENT)[0], 1, function)
        if function == "pack":
            return True, pack_values(text, values[1:])
        if function == "size":
            return True, size_of_format(text)
        data = text_of((*values, ABSENT, ABSENT)[1], 2, function)
        start = integer_of(number_of(values[2], 3, function)) if len(values) > 2 else 1
        if start < 0:
            raise ArgumentError("bad argument #2 to 'unpack' (data string too short)")
        if start < 1:
            raise ArgumentError("bad argument #3 to 'unpack' (offset must be 1 or greater)")
        return (True, *unpack_values(text, data, start - 1))
    except ArgumentError as error:
        return False, str(error).encode()


# -------------------------------------------------------------------- floats of MessagePack


def pack_float(number: float) -> bytes:
    """A number as a MessagePack float: of 4 bytes if that is exact."""
    number = float(number)
    try:
        short = struct.pack(">f", number)
    except OverflowError:
        return b"\xcb" + struct.pack(">d", number)
    if struct.unpack(">f", short)[0] == number:
        return b"\xca" + short
    return b"\xcb" + struct.pack(">d", number)


def unpack_float(data: bytes) -> float:
    """The number that 4 or 8 bytes are."""
    value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return value


# -------------------------------------------------------------------- random numbers


class Random:
    """The generator of lrand48: scripts get the same numbers after the same seed as with the reference."""

    LIMIT = 0x7FFFFFFF

    def __init__(self) -> None:
        self.state = 0x1234ABCD330E

    def next(self) -> float:
        """A number from 0 to below 1."""
        self.state = (self.state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
        return (self.state >> 17) % self.LIMIT / self.LIMIT

    def seed(self, number: float) -> None:
        """Begin anew."""
        self.state = bits_of(number) << 16 | 0x330E
