# cython: boundscheck=False, wraparound=False
"""Reads a snapshot's numbers and strings, from bytes that are all there or come in blocks.

Nothing that is read is believed: a length takes memory only as its bytes arrive, and compressed bytes no more than they
can hold. Whatever is wrong is a `DataError`.

A length is one byte with six bits, or two with fourteen, or a mark and four or eight bytes, the highest first. The
fourth mark tells of a string that is written as an integer, or compressed by LZF.
"""

from collections.abc import Callable
from struct import Struct

import cython
import lzf

from geventcache.base import native
from geventcache.base.numbers import format_integer
from geventcache.persistence.checksum import crc64

LONGEST = (1 << 62) - 1
LONGEST_LINE = 1024
# Three bytes of LZF make 264 at most.
LZF_RATIO = 88
TRUNCATED = "it ends too early"
DOUBLE = Struct("<d")


class DataError(Exception):
    """What is read is no snapshot, or a damaged one."""


class EndError(DataError):
    """It ends where more was announced."""


class Cursor:
    """A place in the bytes of a snapshot.

    Attributes:
        data: what is at hand.
        at: where in `data` the next byte stands.
        passed: how many bytes came before `data`.
        more: takes how many bytes are missing, and returns one at least, or nothing at the end; None: `data` is all.
        passed_crc: the checksum of the bytes before `data`.
    """

    def __init__(self, data: bytes, more: "Callable[[int], bytes] | None" = None) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)
        self.more = more
        self.passed = 0
        self.passed_crc = 0

    def offset(self) -> int:
        """How many bytes were read."""
        return self.passed + self.at

    def checksum(self) -> int:
        """The checksum of all that was read."""
        return crc64(self.data[: self.at], self.passed_crc)

    def is_done(self) -> bool:
        """Nothing is left of bytes that were all there."""
        return self.at == self.end

    def refill(self, count: cython.Py_ssize_t) -> None:
        """See to it that `count` bytes are at hand.

        Raises:
            DataError: there are not as many.
        """
        if self.more is None or count > LONGEST:
            raise EndError(TRUNCATED)
        blocks = [self.data[self.at :]]
        held: cython.Py_ssize_t = self.end - self.at
        while held < count:
            block = self.more(count - held)
            if not block:
                raise EndError(TRUNCATED)
            blocks.append(block)
            held += len(block)
        self.passed_crc = self.checksum()
        self.passed += self.at
        self.data = b"".join(blocks)
        self.at = 0
        self.end = held

    def byte(self) -> cython.uint:
        """The next byte."""
        if self.at >= self.end:
            self.refill(1)
        at: cython.Py_ssize_t = self.at
        self.at = at + 1
        return self.data[at]

    def take(self, count: cython.ulonglong) -> bytes:
        """The next `count` bytes."""
        if count > LONGEST:
            raise EndError(TRUNCATED)
        size: cython.Py_ssize_t = count
        if size > self.end - self.at:
            self.refill(size)
        start: cython.Py_ssize_t = self.at
        self.at = start + size
        return native.part(self.data, start, size)

    def line(self) -> bytes:
        """The next line, without its end.

        Raises:
            DataError: it is longer than a line may be.
        """
        while True:
            end: cython.Py_ssize_t = self.data.find(b"\n", self.at, self.at + LONGEST_LINE)
            if end >= 0:
                break
            if self.end - self.at >= LONGEST_LINE:
                raise DataError("a line without an end")
            self.refill(self.end - self.at + 1)
        line = self.take(end + 1 - self.at)
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def has_more(self) -> bool:
        """Is anything left? If nothing is at hand, more is asked for."""
        if self.at < self.end:
            return True
        try:
            self.refill(1)
        except EndError:
            return False
        return True

    def number(self, size: cython.int) -> cython.ulonglong:
        """A number of `size` bytes, the lowest first."""
        number: cython.ulonglong = 0
        i: cython.int
        for i in range(size):
            number |= cython.cast(cython.ulonglong, self.byte()) << (8 * i)
        return number

    def signed_number(self, size: cython.int) -> cython.longlong:
        """A number with a sign of `size` bytes, the lowest first."""
        number: cython.ulonglong = self.number(size)
        half: cython.ulonglong = cython.cast(cython.ulonglong, 1) << (8 * size - 1)
        if number < half:
            return cython.cast(cython.longlong, number)
        # In two steps, since 2**64 is no number of 64 bits.
        return -1 - cython.cast(cython.longlong, (half - 1) - (number - half))

    def score(self) -> cython.double:
        """A score, which is a double."""
        number: float = DOUBLE.unpack(self.take(8))[0]
        return number

    def length(self) -> cython.ulonglong:
        """A length, or another number that is written as one.

        Raises:
            DataError: the mark of an integer or of compression stands there.
        """
        first: cython.uint = self.byte()
        if first >= 0xC0:
            raise DataError("a string in place of a number")
        return self.rest_of_length(first)

    def rest_of_length(self, first: cython.uint) -> cython.ulonglong:
        """A length whose first byte was read."""
        if first < 0x40:
            return first
        if first < 0x80:
            return (first & 63) << 8 | self.byte()
        if first > 0x81:
            raise DataError("unknown kind of length")
        number: cython.ulonglong = 0
        for _ in range(8 if first == 0x81 else 4):
            number = number << 8 | self.byte()
        return number

    def string(self) -> bytes:
        """A string, however it is written."""
        first: cython.uint = self.byte()
        if first < 0x40:
            return self.take(first)
        if first < 0xC0:
            return self.take(self.rest_of_length(first))
        kind: cython.uint = first & 63
        if kind < 3:
            return format_integer(self.signed_number(1 << kind))
        if kind == 3:
            return self.compressed()
        raise DataError("unknown kind of string")

    def compressed(self) -> bytes:
        """A string that LZF compressed."""
        packed_size: cython.ulonglong = self.length()
        size: cython.ulonglong = self.length()
        if packed_size == 0 or size // LZF_RATIO > packed_size:
            raise DataError("impossible compression")
        packed = self.take(packed_size)
        try:
            text: bytes | None = lzf.decompress(packed, size)
        except ValueError:
            text = None
        if text is None or cython.cast(cython.ulonglong, len(text)) != size:
            raise DataError("wrong compression")
        return text
