"""Reading the bytes of requests, of which the reader (resp/reader.py) has only the states.

The compiled build has this from ``scan.pxd`` and ``scan.pyx``, where what came is an address in memory; this is its
twin, which serves uncompiled: there it is a byte string.
"""

from __future__ import annotations

from geventcache.resp.fast_requests import FastRequests
from geventcache.resp.inline import split_inline

NOT_A_NUMBER = -2
MAX_DIGITS = 19
MAX_LENGTH = 9_223_372_036_854_775_807

append = list.append


def short_cut() -> FastRequests | None:
    """A quicker way than the reader's for the most common requests, None if there is none."""
    return FastRequests()


def address(data: bytes | bytearray, size: int) -> bytes:
    """What is read: `size` bytes."""
    return data if type(data) is bytes else bytes(memoryview(data)[:size])


def roomy_list(room: int) -> list[bytes]:
    """An empty list, which grows as it likes."""
    return []


def cut(p: bytes, start: int, end: int) -> bytes:
    """The bytes p[start:end], as an object of their own."""
    return p[start:end]


def name_at(p: bytes, start: int, length: int) -> bytes:
    """The name of a command, some bytes long."""
    return p[start : start + length]


def find_byte(p: bytes, byte: int, start: int, end: int) -> int:
    """Index of `byte` in p[start:end], or -1."""
    return p.find(byte, start, end)


def short_length(p: bytes, start: int, end: int) -> int:
    """-1: to the interpreter one way to read a header is enough."""
    return -1


def parse_length(p: bytes, start: int, end: int) -> int:
    """The canonical decimal of 64 bits in p[start:end]; NOT_A_NUMBER when it is none; every negative number as -1."""
    text = p[start:end]
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > MAX_DIGITS or (digits[:1] == b"0" and len(text) > 1):
        return NOT_A_NUMBER
    number = int(text)
    if not -MAX_LENGTH - 1 <= number <= MAX_LENGTH:
        return NOT_A_NUMBER
    return -1 if number < 0 else number


def split_line(p: bytes, start: int, end: int) -> list[bytes] | None:
    """The words of the inline command p[start:end], or None when its quotes do not balance."""
    return split_inline(p[start:end])
