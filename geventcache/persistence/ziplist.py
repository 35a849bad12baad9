"""What servers before version 7 packed small values in, and the set of integers that all still have."""

from typing import Any

from geventcache.persistence.cursor import Cursor, DataError

END = 0xFF
LARGE = 0xFE
UNCOUNTED = 0xFFFF
ZIPLIST_HEADER = 10
INTSET_HEADER = 8


def read_ziplist(data: bytes) -> list[Any]:
    """The elements: integers as such, the others as bytes.

    Its length, the offset of the last element, the number of elements (65535: count them), the elements, 0xFF. An
    element is the length of the one before it, an encoding byte or more, and its data.

    Raises:
        DataError: it is not one ziplist from end to end.
    """
    cursor: Cursor = Cursor(data)
    size = cursor.number(4)
    tail = cursor.number(4)
    count = cursor.number(2)
    elements: list[Any] = []
    last = ZIPLIST_HEADER
    previous = 0
    while True:
        start = cursor.at
        first = cursor.byte()
        if first == END:
            break
        if (cursor.number(4) if first == LARGE else first) != previous:
            raise DataError("wrong length in a ziplist")
        elements.append(read_element(cursor))
        last = start
        previous = cursor.at - start
    found = len(elements)
    is_whole = cursor.is_done() and size == len(data)
    if not is_whole or tail != last or (found != count != UNCOUNTED):
        raise DataError("a ziplist is not what its header tells")
    return elements


def read_element(cursor: Cursor) -> Any:
    """The next element of a ziplist, behind the length of the one before."""
    first = cursor.byte()
    if first < 0x40:
        return cursor.take(first)
    if first < 0x80:
        return cursor.take((first & 63) << 8 | cursor.byte())
    if first == 0x80:
        return cursor.take(int.from_bytes(cursor.take(4), "big"))
    if 0xF1 <= first <= 0xFD:
        return first - 0xF1
    widths = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
    if first not in widths:
        raise DataError("unknown encoding in a ziplist")
    return cursor.signed_number(widths[first])


def read_zipmap(data: bytes) -> list[bytes]:
    """The fields and values of a zipmap in turn.

    The number of fields (254: count them), then for each the lengths of both, and how many bytes behind the value are
    not used; 0xFF.

    Raises:
        DataError: it is not one zipmap from end to end.
    """
    cursor: Cursor = Cursor(data)
    count = cursor.byte()
    elements: list[bytes] = []
    while True:
        size = cursor.byte()
        if size == END:
            break
        elements.append(cursor.take(cursor.number(4) if size == LARGE else size))
        size = cursor.byte()
        if size == END:
            raise DataError("a zipmap has a field without a value")
        if size == LARGE:
            size = cursor.number(4)
        unused = cursor.byte()
        elements.append(cursor.take(size))
        cursor.take(unused)
    if not cursor.is_done() or (count < LARGE and len(elements) != 2 * count):
        raise DataError("a zipmap is not what its header tells")
    return elements


def read_intset(data: bytes) -> list[int]:
    """The integers of a set, in order: the bytes of each, their number, then one after the other.

    Raises:
        DataError: it is not one set from end to end, or they are out of order.
    """
    cursor: Cursor = Cursor(data)
    width = cursor.number(4)
    count = cursor.number(4)
    body = max(len(data) - INTSET_HEADER, 0)
    if width not in (2, 4, 8) or body != width * count:
        raise DataError("a set of integers is not what its header tells")
    numbers: list[int] = []
    last = 0
    while not cursor.is_done():
        number = cursor.signed_number(width)
        if numbers and number <= last:
            raise DataError("a set of integers is out of order")
        numbers.append(number)
        last = number
    return numbers
