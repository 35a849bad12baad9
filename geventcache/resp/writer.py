# cython: boundscheck=False, wraparound=False, cdivision=True
"""The one reply writer: it alone knows RESP2 from RESP3.

`ReplyWriter` appends encoded values to one buffer that is emptied into a socket before another client's commands run;
so one buffer serves all clients, its memory stays warm and nothing is allocated a reply (13 ns an item; a list of parts
and a join takes 27). A value of `LARGE` bytes or more is not copied: it goes into `parts` as it is, between what came
before and after.

The uncompiled writer appends to a list instead, which is joined when it is sent: an interpreter appends three objects
in 65 ns and formats a bulk string in 150.

Where memory is short, any method may raise MemoryError. Nothing is noted before it is there: what was written before
the call is still there then, part of a value may follow it, and `rollback` to a mark, or `clear`, makes the writer fit
for the next client.

Specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from itertools import groupby

import cython

from geventcache.base.errors import CommandError
from geventcache.base.numbers import format_float
from geventcache.resp.values import (
    NO_REPLY,
    NULL_ARRAY,
    Attributed,
    BigNumber,
    Distinct,
    Double,
    Encoded,
    Many,
    PairedMap,
    Pairs,
    Push,
    Simple,
    Verbatim,
)

LARGE = 64 * 1024
START_SIZE = 64 * 1024
KEPT_SIZE = 1024 * 1024

CRLF = b"\r\n"
if not cython.compiled:
    SHORT = 1024
    BULK_HEADERS = [b"$%d\r\n" % size for size in range(SHORT)]
    MANY = 8


class ReplyWriter:
    """Encodes values one after the other.

    Attributes:
        resp3: encode for RESP3 (else RESP2).
        size: bytes in the buffer.
        parts: None, or the pieces that go out before the buffer.
        parts_size: bytes in `parts`.

    Uncompiled, `pieces` are both at once: all that was written, in order. `parts` is an empty list then as long as
    something large is among them.
    """

    def __init__(self) -> None:
        self.resp3 = False
        self.size = 0
        self.parts: list[bytes] | None = None
        self.parts_size = 0
        if cython.compiled:
            self.data = bytearray(START_SIZE)
            self.room = START_SIZE
            self.ptr = PyByteArray_AS_STRING(self.data)  # noqa: F821
        else:
            self.pieces: list[bytes] = []

    if cython.compiled:

        def grow(self, n):
            """Make room for `n` more bytes."""
            self.resize((self.size + n) * 2)

        def resize(self, room):
            """Give the buffer so much room, or leave it as it is and raise MemoryError."""
            PyByteArray_Resize(self.data, room)  # noqa: F821
            self.room = room
            self.ptr = PyByteArray_AS_STRING(self.data)  # noqa: F821

        def shrink(self):
            """A buffer that has become small keeps no more room than it should."""
            if self.room > KEPT_SIZE:
                try:  # noqa: SIM105 (`suppress` is an object that takes memory)
                    self.resize(START_SIZE)
                except MemoryError:
                    pass

    def raw(self, encoded):
        """Append bytes that are RESP already."""
        if cython.compiled:
            n: cython.Py_ssize_t = len(encoded)
            if self.size + n > self.room:
                self.grow(n)
            memcpy(self.ptr + self.size, PyBytes_AS_STRING(encoded), n)  # noqa: F821
            self.size += n
        else:
            self.pieces.append(encoded)

    def number(self, mark, n):
        """Append a line: the byte `mark`, then the decimal `n` (64 bits, signed)."""
        if cython.compiled:
            digits: cython.char[48]  # the second half is copied with the first, which takes no call, and overwritten
            i: cython.int = 24
            u: cython.ulonglong = n if n >= 0 else 0 - cython.cast(cython.ulonglong, n)
            q: cython.p_char
            if self.size + 32 > self.room:
                self.grow(32)
            q = self.ptr + self.size
            while True:
                i -= 1
                digits[i] = 48 + cython.cast(cython.char, u % 10)  # noqa: F821
                u //= 10
                if u == 0:
                    break
            if n < 0:
                i -= 1
                digits[i] = 45  # noqa: F821
            q[0] = mark
            memcpy(q + 1, cython.cast(cython.p_char, digits) + i, 24)  # noqa: F821
            q += 25 - i
            q[0] = 13
            q[1] = 10
            self.size += 27 - i
        else:
            self.pieces.append(b"%c%d\r\n" % (mark, n))

    def line(self, mark, text):
        """Append a line: the byte `mark`, then `text`."""
        if cython.compiled:
            n: cython.Py_ssize_t = len(text)
            q: cython.p_char
            if self.size + n + 3 > self.room:
                self.grow(n + 3)
            q = self.ptr + self.size
            q[0] = mark
            memcpy(q + 1, PyBytes_AS_STRING(text), n)  # noqa: F821
            q[n + 1] = 13
            q[n + 2] = 10
            self.size += n + 3
        else:
            self.pieces.append(b"%c%b\r\n" % (mark, text))

    def bulk(self, value):
        """Append a bulk string."""
        n: cython.Py_ssize_t = len(value)
        if not cython.compiled and n < SHORT:
            append = self.pieces.append
            append(BULK_HEADERS[n])
            append(value)
            append(CRLF)
            return
        self.number(36, n)
        if n >= LARGE:
            self.large(value)
            self.raw(CRLF)
            return
        if cython.compiled:
            q: cython.p_char
            if self.size + n + 2 > self.room:
                self.grow(n + 2)
            q = self.ptr + self.size
            memcpy(q, PyBytes_AS_STRING(value), n)  # noqa: F821
            q[n] = 13
            q[n + 1] = 10
            self.size += n + 2
        else:
            self.pieces += (value, CRLF)

    if cython.compiled:

        def text(self, address, n):
            """Append `n` bytes at an address as a bulk string."""
            q: cython.p_char
            if self.size + n + 32 > self.room:
                self.grow(n + 32)
            q = self.ptr + self.size
            if n < 100:  # most are short, and need no division in a loop
                q[0] = 36
                if n < 10:
                    q[1] = 48 + cython.cast(cython.char, n)
                    q += 2
                else:
                    q[1] = 48 + cython.cast(cython.char, n // 10)
                    q[2] = 48 + cython.cast(cython.char, n % 10)
                    q += 3
                q[0] = 13
                q[1] = 10
                q += 2
            else:
                self.number(36, n)
                q = self.ptr + self.size
            memcpy(q, address, n)  # noqa: F821
            q[n] = 13
            q[n + 1] = 10
            self.size = q + n + 2 - self.ptr

        def decimal(self, n):
            """Append the decimal of an integer as a bulk string."""
            digits: cython.char[48]  # the second half is copied with the first, which takes no call, and overwritten
            i: cython.int = 24
            u: cython.ulonglong = n if n >= 0 else 0 - cython.cast(cython.ulonglong, n)
            while True:
                i -= 1
                digits[i] = 48 + cython.cast(cython.char, u % 10)  # noqa: F821
                u //= 10
                if u == 0:
                    break
            if n < 0:
                i -= 1
                digits[i] = 45  # noqa: F821
            self.text(cython.cast(cython.p_char, digits) + i, 24 - i)  # noqa: F821

    def large(self, value):
        """Append `value` without copying it."""
        if not cython.compiled:
            self.parts = []
            self.pieces.append(value)
            return
        if self.parts is None:
            self.parts = []
        before = PyBytes_FromStringAndSize(self.ptr, self.size)  # noqa: F821
        self.parts += (before, value)  # both or neither
        self.parts_size += self.size + len(value)
        self.size = 0
        self.shrink()

    def status(self, text):
        """Append a simple string."""
        self.line(43, text)

    def error(self, text):
        """Append an error."""
        self.line(45, text)

    def null(self):
        """Append a null: RESP2 writes it as a bulk string."""
        self.raw(b"_\r\n" if self.resp3 else b"$-1\r\n")

    def value(self, v):
        """Append any value of the table in `geventcache.resp.values`.

        Raises:
            TypeError: the value has no encoding.
        """
        t = type(v)
        if t is bytes:
            self.bulk(v)
        elif v is None:
            self.null()
        elif t is int:
            if cython.compiled:
                self.number(58, v)
            else:
                self.pieces.append(b":%d\r\n" % v)
        elif t is list or t is tuple:
            self.number(42, len(v))
            self.items(v)
        elif t is Simple:
            self.line(43, v)
        elif t is float:
            self.floating(v)
        elif isinstance(v, Written):
            cython.cast(Written, v).write(self)
        else:
            WRITERS[t](self, v)

    def items(self, values):
        """Append each of `values`, without a header."""
        if not cython.compiled and len(values) > MANY and self.short_items(values):
            return
        for v in values:
            if type(v) is bytes:
                self.bulk(v)
            else:
                self.value(v)

    if not cython.compiled:

        def short_items(self, values):
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

    def floating(self, v):
        """Append a floating-point number."""
        text: bytes = format_float(v)
        if self.resp3:
            self.raw(b",%b\r\n" % text)
        else:
            self.bulk(text)

    def map_header(self, n):
        """Begin a map of `n` pairs."""
        if self.resp3:
            self.number(37, n)
        else:
            self.number(42, 2 * n)

    def array_header(self, n):
        """Begin an array of `n` items."""
        self.number(42, n)

    def take_buffer(self):
        """The buffer's bytes; the buffer is empty then, and no larger than it should stay."""
        if cython.compiled:
            taken = PyBytes_FromStringAndSize(self.ptr, self.size)  # noqa: F821
            self.size = 0
            self.shrink()
            return taken
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken

    def exchange(self, other):
        """Exchange what was written with another writer: nothing is allocated, and a mark means the same place."""
        if cython.compiled:
            self.data, other.data = other.data, self.data
            self.ptr, other.ptr = other.ptr, self.ptr
            self.room, other.room = other.room, self.room
            self.size, other.size = other.size, self.size
            self.parts_size, other.parts_size = other.parts_size, self.parts_size
        else:
            self.pieces, other.pieces = other.pieces, self.pieces
        self.parts, other.parts = other.parts, self.parts

    def take_parts(self):
        """All that was written, as a list of byte strings; nothing is left."""
        if not cython.compiled:
            if self.parts is None:
                return [self.take_buffer()] if self.pieces else []
            return self.gathered()
        if self.size:
            if self.parts is None:
                self.parts = []
            self.parts.append(PyBytes_FromStringAndSize(self.ptr, self.size))  # noqa: F821
        parts = self.parts or []
        self.clear()
        return parts

    if not cython.compiled:

        def gathered(self):
            """`take_parts` when something large is among the pieces: it stays as it is, what is between is joined."""
            parts: list[bytes] = []
            for is_large, run in groupby(self.pieces, lambda piece: len(piece) >= LARGE):
                if is_large:
                    parts += run
                else:
                    parts.append(b"".join(run))
            self.clear()
            return parts

    def take(self):
        """All that was written, as one byte string; nothing is left."""
        return b"".join(self.take_parts())

    def mark(self):
        """A place to come back to with `rollback`."""
        if not cython.compiled:
            return len(self.pieces)
        return self.parts_size + self.size

    def size_since(self, mark):
        """How many bytes were written since `mark`."""
        if not cython.compiled:
            return sum(map(len, self.pieces[mark:]))
        return self.parts_size + self.size - mark

    def rollback(self, mark):
        """Forget what was written since `mark`."""
        if not cython.compiled:
            del self.pieces[mark:]
            return
        if mark < self.parts_size:
            self.reopen(mark)
        self.size = mark - self.parts_size
        if self.size <= START_SIZE:
            self.shrink()

    if cython.compiled:

        def reopen(self, mark):
            """Of the parts, leave what was written before `mark`: the last piece of that becomes the buffer again."""
            parts: list = self.parts or []
            last: bytes = b""
            i: cython.Py_ssize_t = len(parts)
            start: cython.Py_ssize_t = self.parts_size
            while start > mark:
                i -= 1
                last = parts[i]
                start -= len(last)
            if mark - start > self.room:
                self.resize(mark - start)
            del parts[i:]
            self.parts_size = start
            memcpy(self.ptr, PyBytes_AS_STRING(last), mark - start)  # noqa: F821

    def clear(self):
        """Forget all that was written; allocates nothing."""
        self.parts = None
        if cython.compiled:
            self.parts_size = 0
            self.size = 0
            self.shrink()
        else:
            self.pieces.clear()


class Written:
    """A value that writes itself: only the engine gets one, and writes it before there is a change.

    What is not for a client at once (EXEC, scripts) is made `plain` first.
    """

    def write(self, out):
        """Append the reply."""
        raise NotImplementedError

    def plain(self):
        """The same as a value of the table in `geventcache.resp.values`."""
        raise NotImplementedError


def write_map(out, v):
    """A dict."""
    out.map_header(len(v))
    for key, item in v.items():
        out.value(key)
        out.value(item)


def write_set(out, v):
    """A set or frozenset."""
    out.number(126 if out.resp3 else 42, len(v))
    out.items(v)


def write_bool(out, v):
    """A boolean."""
    if out.resp3:
        out.raw(b"#t\r\n" if v else b"#f\r\n")
    else:
        out.number(58, 1 if v else 0)


def write_bytearray(out, v):
    """A string that is kept changeable."""
    out.bulk(bytes(v))


def write_verbatim(out, v):
    """Text."""
    if out.resp3:
        out.raw(b"=%d\r\ntxt:%b\r\n" % (len(v) + 4, v))
    else:
        out.bulk(bytes(v))


def write_big_number(out, v):
    """An integer of any size."""
    if out.resp3:
        out.raw(b"(%b\r\n" % v)
    else:
        out.bulk(bytes(v))


def write_double(out, v):
    """A floating-point number whose text is given."""
    if out.resp3:
        out.raw(b",%b\r\n" % v)
    else:
        out.bulk(bytes(v))


def write_pairs(out, v):
    """Pairs."""
    if out.resp3:
        out.array_header(len(v))
        for pair in v:
            out.array_header(2)
            out.items(pair)
    else:
        out.array_header(2 * len(v))
        for pair in v:
            out.items(pair)


def write_paired_map(out, v):
    """A map that is an array of pairs in RESP2."""
    if out.resp3:
        out.number(37, len(v))
    else:
        out.array_header(len(v))
    for pair in v:
        if not out.resp3:
            out.array_header(2)
        out.items(pair)


def write_attributed(out, v):
    """A value behind its attributes, which RESP2 leaves out."""
    if out.resp3:
        out.number(124, len(v.attributes))
        for name, value in v.attributes.items():
            out.value(name)
            out.value(value)
    out.value(v.value)


def write_push(out, v):
    """A push message."""
    out.number(62 if out.resp3 else 42, len(v))
    out.items(v)


def write_many(out, v):
    """Several replies."""
    out.items(v)


def write_null_array(out, v):
    """A null where an array was expected."""
    out.raw(b"_\r\n" if out.resp3 else b"*-1\r\n")


def write_error(out, v):
    """An error as a value, as EXEC has them."""
    out.error(v.text)


def write_nothing(out, v):
    """No reply."""


def write_encoded(writer, v):
    """RESP already."""
    writer.raw(bytes(v))


WRITERS = {
    dict: write_map,
    set: write_set,
    frozenset: write_set,
    Distinct: write_set,
    bool: write_bool,
    bytearray: write_bytearray,
    Verbatim: write_verbatim,
    BigNumber: write_big_number,
    Double: write_double,
    Pairs: write_pairs,
    PairedMap: write_paired_map,
    Attributed: write_attributed,
    Push: write_push,
    Many: write_many,
    type(NULL_ARRAY): write_null_array,
    type(NO_REPLY): write_nothing,
    CommandError: write_error,
    Encoded: write_encoded,
}
