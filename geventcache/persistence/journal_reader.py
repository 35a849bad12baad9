# cython: boundscheck=False, wraparound=False
"""Reads the requests of a journal's file, unit by unit.

Each is an array of bulk strings. A transaction is one unit, from MULTI to EXEC; lines between requests that begin with
``#`` are annotations. Nothing that is read is believed: memory follows the bytes that arrive.
"""

from typing import Any

import cython

from geventcache.persistence.cursor import Cursor, DataError, EndError

MULTI = b"MULTI"
EXEC = b"EXEC"
MOST_DIGITS = 18
ANNOTATION = b"#"


class JournalReader:
    """Reads one file, or what follows a snapshot in it.

    Attributes:
        cursor: where it reads.
        whole: the offset up to which all units are whole.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.whole = cursor.offset()

    def unit(self) -> "list[Any]":
        """The requests of the next unit; none at the end.

        Raises:
            EndError: the file ends amid it.
            DataError: it is damaged.
        """
        requests: list[Any] = []
        while not requests:
            request = self.request()
            if request is None:
                break
            if is_word(request, EXEC):
                raise DataError("EXEC without MULTI")
            requests = self.transaction() if is_word(request, MULTI) else [request]
        self.whole = self.cursor.offset()
        return requests

    def transaction(self) -> "list[Any]":
        """The requests up to EXEC."""
        requests: list[Any] = []
        while True:
            request = self.request()
            if request is None:
                raise EndError("MULTI without EXEC")
            if is_word(request, EXEC):
                return requests
            if is_word(request, MULTI):
                raise DataError("MULTI within MULTI")
            requests.append(request)

    def request(self) -> "list[bytes] | None":
        """The next request, None at the end."""
        cursor: Cursor = self.cursor
        while cursor.has_more():
            line: bytes = cursor.line()
            if not line.startswith(ANNOTATION):
                return self.items(number_after(line, b"*"))
        return None

    def items(self, count: cython.Py_ssize_t) -> "list[bytes]":
        """So many bulk strings."""
        cursor: Cursor = self.cursor
        items: list[Any] = []
        _: cython.Py_ssize_t
        if count < 1:
            raise DataError("a request of nothing")
        for _ in range(count):
            items.append(cursor.take(number_after(cursor.line(), b"$")))
            if cursor.take(2) != b"\r\n":
                raise DataError("a string that does not end where it should")
        return items


def number_after(line: bytes, mark: bytes) -> cython.Py_ssize_t:
    """The number behind the mark with which a line begins."""
    digits = line[1:]
    if line[:1] != mark or not digits.isdigit() or len(digits) > MOST_DIGITS:
        raise DataError("Bad file format")
    return int(digits)


def is_word(request: "list[Any]", word: bytes) -> cython.bint:
    """Is a request this one word, in any case?"""
    return len(request) == 1 and request[0].upper() == word
