"""The one reply writer: with the encoders (resp/encoders.py) it alone knows RESP2 from RESP3.

The compiled build has it from ``writer.pyx``, on a buffer in C memory; this is its twin, which serves uncompiled. It
appends to a list that is joined when it is sent: an interpreter appends three objects in 65 ns and formats a bulk
string in 150. One test-suite runs on both. The rules, for users of either:

- Values are appended one after the other, and taken all at once. A value of `LARGE` bytes or more is not copied: it is
  one of `take_parts` as it is.
- Where memory is short, any method may raise MemoryError. Nothing is noted before it is there: what was written before
  the call is still there then, part of a value may follow it, and `rollback` to a mark, or `clear`, makes the writer
  fit for the next client.

Specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import groupby
from typing import Any

from geventcache.base.numbers import format_float
from geventcache.resp.values import Simple

LARGE = 64 * 1024
CRLF = b"\r\n"
SHORT = 1024
BULK_HEADERS = [b"$%d\r\n" % size for size in range(SHORT)]
MANY = 8

# How other types than the most common ones are written.
WRITERS: dict[type, Callable[[ReplyWriter, Any], None]] = {}


class ReplyWriter:
    """Encodes values one after the other.

    Attributes:
        resp3: encode for RESP3 (else RESP2).
        pieces: all that was written, in order.
        parts: None, or an empty list when something large is among the pieces.
    """

    def __init__(self) -> None:
        self.resp3 = False
        self.parts: list[bytes] | None = None
        self.pieces: list[bytes] = []

    # ------------------------------------------------------------------ pieces of replies

    def raw(self, encoded: bytes) -> None:
        """Append bytes that are RESP already."""
        self.pieces.append(encoded)

    def number(self, mark: int, n: int) -> None:
        """Append a line: the byte `mark`, then the decimal `n` (64 bits, signed)."""
        self.pieces.append(b"%c%d\r\n" % (mark, n))

    def line(self, mark: int, text: bytes) -> None:
        """Append a line: the byte `mark`, then `text`."""
        self.pieces.append(b"%c%b\r\n" % (mark, text))

    def bulk(self, value: bytes) -> None:
        """Append a bulk string."""
        n = len(value)
        append = self.pieces.append
        if n < SHORT:
            append(BULK_HEADERS[n])
        else:
            append(b"$%d\r\n" % n)
            if n >= LARGE:
                self.parts = []
        append(value)
        append(CRLF)

    def status(self, text: bytes) -> None:
        """Append a simple string."""
        self.line(43, text)

    def error(self, text: bytes) -> None:
        """Append an error."""
        self.line(45, text)

    def null(self) -> None:
        """Append a null: RESP2 writes it as a bulk string."""
        self.pieces.append(b"_\r\n" if self.resp3 else b"$-1\r\n")

    def floating(self, v: float) -> None:
        """Append a floating-point number."""
        text = format_float(v)
        if self.resp3:
            self.pieces.append(b",%b\r\n" % text)
        else:
            self.bulk(text)

    def map_header(self, n: int) -> None:
        """Begin a map of `n` pairs."""
        self.pieces.append(b"%%%d\r\n" % n if self.resp3 else b"*%d\r\n" % (2 * n))

    def array_header(self, n: int) -> None:
        """Begin an array of `n` items."""
        self.pieces.append(b"*%d\r\n" % n)

    # ------------------------------------------------------------------ values

    def value(self, v: Any) -> None:
        """Append any value of the table in `geventcache.resp.values`.

        Raises:
            KeyError: the value has no encoding.
        """
        t = type(v)
        if t is bytes:
            self.bulk(v)
        elif v is None:
            self.null()
        elif t is int:
            self.pieces.append(b":%d\r\n" % v)
        elif t is list or t is tuple:
            self.pieces.append(b"*%d\r\n" % len(v))
            self.items(v)
        elif t is Simple:
            self.line(43, v)
        elif t is float:
            self.floating(v)
        elif isinstance(v, Written):
            v.write(self)
        else:
            WRITERS[t](self, v)

    def items(self, values: Collection[Any]) -> None:
        """Append each of `values`, without a header."""
        if len(values) > MANY and self.short_items(values):
            return
        for v in values:
            if type(v) is bytes:
                self.bulk(v)
            else:
                self.value(v)

    def short_items(self, values: Collection[Any]) -> bool:
        """Append `values` in a few steps if all of them are short byte strings; tell whether they were."""
        if set(map(type, values)) != {bytes}:
            return False
        sizes = list(map(len, values))
        if max(sizes) >= SHORT:
            return False
        if sizes.count(sizes[0]) == len(sizes):
            header = BULK_HEADERS[sizes[0]]
            self.pieces += (header, (CRLF + header).join(values), CRLF)
            return True
        pieces = [CRLF] * (3 * len(sizes))
        pieces[::3] = map(BULK_HEADERS.__getitem__, sizes)
        pieces[1::3] = values
        self.pieces.append(b"".join(pieces))
        return True

    # ------------------------------------------------------------------ what was written

    def take_buffer(self) -> bytes:
        """All that was written, as one byte string, where `parts` is None; nothing is left."""
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken

    def take_parts(self) -> list[bytes]:
        """All that was written, as a list of byte strings; nothing is left."""
        if self.parts is None:
            return [self.take_buffer()] if self.pieces else []
        parts: list[bytes] = []
        for is_large, run in groupby(self.pieces, lambda piece: len(piece) >= LARGE):
            if is_large:
                parts += run
            else:
                parts.append(b"".join(run))
        self.clear()
        return parts

    def take(self) -> bytes:
        """All that was written, as one byte string; nothing is left."""
        return b"".join(self.take_parts())

    def exchange(self, other: ReplyWriter) -> None:
        """Exchange what was written with another writer: nothing is allocated, and a mark means the same place."""
        self.pieces, other.pieces = other.pieces, self.pieces
        self.parts, other.parts = other.parts, self.parts

    def mark(self) -> int:
        """A place to come back to with `rollback`."""
        return len(self.pieces)

    def size_since(self, mark: int) -> int:
        """How many bytes were written since `mark`."""
        return sum(map(len, self.pieces[mark:]))

    def rollback(self, mark: int) -> None:
        """Forget what was written since `mark`."""
        del self.pieces[mark:]

    def clear(self) -> None:
        """Forget all that was written; allocates nothing."""
        self.parts = None
        self.pieces.clear()


class Written:
    """A value that writes itself: only the engine gets one, and writes it before there is a change.

    What is not for a client at once (EXEC, scripts) is made `plain` first.
    """

    def write(self, out: ReplyWriter) -> None:
        """Append the reply."""
        raise NotImplementedError

    def plain(self) -> Any:
        """The same as a value of the table in `geventcache.resp.values`."""
        raise NotImplementedError
