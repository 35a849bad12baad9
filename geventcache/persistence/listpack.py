# cython: boundscheck=False, wraparound=False
"""Listpacks as snapshots have them: the reference's array of small elements.

Four bytes of length, two with the number of elements (65535: count them), the elements, 0xFF. An element is an encoding
byte or more, its data, and the length of both again, seven bits a byte, by which one walks backwards.
"""

from typing import Any

import cython

from geventcache.base.numbers import format_integer, parse_integer
from geventcache.persistence.cursor import Cursor, DataError

END = 0xFF
END_MARK = b"\xff"
UNCOUNTED = 0xFFFF
HEADER_SIZE = 6
SMALL = 128  # below which a length takes one byte


def read_listpack(data: bytes) -> list[Any]:
    """The elements: integers as such, the others as bytes.

    Raises:
        DataError: it is not one listpack from end to end.
    """
    cursor: Cursor = Cursor(data)
    size: cython.ulonglong = cursor.number(4)
    count: cython.ulonglong = cursor.number(2)
    elements: list[Any] = []
    first: cython.uint
    start: cython.Py_ssize_t
    while True:
        start = cursor.at
        first = cursor.byte()
        if first == END:
            break
        elements.append(read_element(cursor, first))
        read_back_length(cursor, cursor.at - start)
    found: cython.ulonglong = len(elements)
    if not cursor.is_done() or size != cython.cast(cython.ulonglong, len(data)) or (found != count != UNCOUNTED):
        raise DataError("a listpack is not what its header tells")
    return elements


def read_element(cursor: Cursor, first: cython.uint) -> Any:
    """The element that begins with the byte `first`, which was read."""
    if first < 0x80:
        return first
    if first < 0xC0:
        return cursor.take(first & 63)
    if first < 0xE0:
        number: cython.int = (first & 31) << 8 | cursor.byte()
        return number if number < 4096 else number - 8192
    if first < 0xF0:
        return cursor.take((first & 15) << 8 | cursor.byte())
    if first == 0xF0:
        return cursor.take(cursor.number(4))
    if first > 0xF4:
        raise DataError("unknown encoding in a listpack")
    return cursor.signed_number(8 if first == 0xF4 else first - 0xEF)


def read_back_length(cursor: Cursor, size: cython.Py_ssize_t) -> None:
    """Read the length of an element again, which was `size`."""
    if size < SMALL:
        is_right: cython.bint = cursor.byte() == cython.cast(cython.uint, size)
    else:
        expected = back_length(size)
        is_right = cursor.take(len(expected)) == expected
    if not is_right:
        raise DataError("wrong length in a listpack")


def back_length(size: cython.Py_ssize_t) -> bytes:
    """The length of an element as it stands behind it, if that takes more than a byte."""
    width = 2 if size < 16383 else 3 if size < 2097151 else 4 if size < 268435455 else 5
    shifts = range(7 * (width - 1), -1, -7)
    return bytes([size >> shift & 127 | (128 if i else 0) for i, shift in enumerate(shifts)])


def as_text(element: Any) -> bytes:
    """An element as the string that it stands for."""
    return element if isinstance(element, bytes) else format_integer(element)


class Listpack:
    """A listpack that is written."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.count = 0

    def add_number(self, number: cython.longlong) -> None:
        """Append an integer."""
        body = self.body
        start: cython.Py_ssize_t = len(body)
        if 0 <= number < 128:
            body.append(number)
        elif -4096 <= number < 4096:
            body.append((number >> 8) & 0x1F | 0xC0)
            body.append(number & 0xFF)
        else:
            width = 2 if -0x8000 <= number < 0x8000 else 4 if -0x80000000 <= number < 0x80000000 else 8
            body.append(0xF1 if width == 2 else 0xF3 if width == 4 else 0xF4)
            body += number.to_bytes(width, "little", signed=True)
        self.finish(start)

    def add_text(self, text: bytes) -> None:
        """Append a string, which is written as the integer that it may be."""
        number = parse_integer(text) if len(text) <= 20 else None
        if number is not None:
            self.add_number(number)
            return
        body = self.body
        start: cython.Py_ssize_t = len(body)
        size: cython.Py_ssize_t = len(text)
        if size < 64:
            body.append(0x80 | size)
        elif size < 4096:
            body += (0xE000 | size).to_bytes(2, "big")
        else:
            body.append(0xF0)
            body += size.to_bytes(4, "little")
        body += text
        self.finish(start)

    def finish(self, start: cython.Py_ssize_t) -> None:
        """An element was appended from `start` on: its length follows."""
        size: cython.Py_ssize_t = len(self.body) - start
        if size < SMALL:
            self.body.append(size)
        else:
            self.body += back_length(size)
        self.count += 1

    def to_bytes(self) -> bytes:
        """All of it."""
        size = HEADER_SIZE + len(self.body) + 1
        header = size.to_bytes(4, "little") + min(self.count, UNCOUNTED).to_bytes(2, "little")
        return header + self.body + END_MARK
