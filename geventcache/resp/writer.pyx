# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The reply writer of the compiled build: `resp/writer.py`, its twin, says what it is for.

One buffer is emptied into a socket before another client's commands run; so one buffer serves all clients, its memory
stays warm and nothing is allocated a reply (13 ns an item; a list of parts and a join takes 27). A large value goes into
`parts`, between what came before and after.
"""

from geventcache.base.c_api cimport (
    PyByteArray_AS_STRING,
    PyByteArray_Resize,
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    memcpy,
)
from geventcache.base.numbers cimport format_float

from geventcache.resp.values import Simple

cdef enum:
    LARGE = 64 * 1024
    START_SIZE = 64 * 1024
    KEPT_SIZE = 1024 * 1024
    MOST_DIGITS = 24

CRLF = b"\r\n"
WRITERS = writers = {}


# The digits of the numbers from 00 to 99: a number is written by two at a time.
cdef bytes pairs = b"".join([b"%02d" % number for number in range(100)])
cdef const char *PAIRS = PyBytes_AS_STRING(pairs)


cdef inline char *write_decimal(char *end, long long n) noexcept:
    """Write the decimal of a number so that it ends before `end`; return where it begins."""
    cdef unsigned long long u = n if n >= 0 else 0 - <unsigned long long>n
    while u >= 100:
        end -= 2
        memcpy(end, PAIRS + 2 * (u % 100), 2)
        u //= 100
    if u >= 10:
        end -= 2
        memcpy(end, PAIRS + 2 * u, 2)
    else:
        end -= 1
        end[0] = 48 + <char>u
    if n < 0:
        end -= 1
        end[0] = 45
    return end


cdef class ReplyWriter:
    """Encodes values one after the other.

    Attributes:
        resp3: encode for RESP3 (else RESP2).
        size: bytes in the buffer.
        parts: None, or the pieces that go out before the buffer.
        parts_size: bytes in `parts`.
    """

    def __init__(self):
        self.resp3 = False
        self.size = 0
        self.parts = None
        self.parts_size = 0
        self.data = bytearray(START_SIZE)
        self.room = START_SIZE
        self.ptr = PyByteArray_AS_STRING(self.data)

    # ------------------------------------------------------------------ the buffer

    cdef grow(self, Py_ssize_t n):
        """Make room for `n` more bytes."""
        self.resize((self.size + n) * 2)

    cdef resize(self, Py_ssize_t room):
        """Give the buffer so much room, or leave it as it is and raise MemoryError."""
        PyByteArray_Resize(self.data, room)
        self.room = room
        self.ptr = PyByteArray_AS_STRING(self.data)

    cdef shrink(self):
        """A buffer that has become small keeps no more room than it should."""
        if self.room > KEPT_SIZE:
            try:
                self.resize(START_SIZE)
            except MemoryError:
                pass

    # ------------------------------------------------------------------ pieces of replies

    cpdef raw(self, bytes encoded):
        """Append bytes that are RESP already."""
        cdef Py_ssize_t n = len(encoded)
        if self.size + n > self.room:
            self.grow(n)
        memcpy(self.ptr + self.size, PyBytes_AS_STRING(encoded), n)
        self.size += n

    cpdef number(self, char mark, long long n):
        """Append a line: the byte `mark`, then the decimal `n`."""
        cdef char digits[2 * MOST_DIGITS]  # the second half is copied with the first, which takes no call, and overwritten
        cdef char *end = digits + MOST_DIGITS
        cdef char *first = write_decimal(end, n)
        cdef Py_ssize_t count = end - first
        cdef char *q
        if self.size + 32 > self.room:
            self.grow(32)
        q = self.ptr + self.size
        q[0] = mark
        memcpy(q + 1, first, MOST_DIGITS)
        q += 1 + count
        q[0] = 13
        q[1] = 10
        self.size += count + 3

    cdef line(self, char mark, text):
        """Append a line: the byte `mark`, then `text`."""
        cdef Py_ssize_t n = len(text)
        cdef char *q
        if self.size + n + 3 > self.room:
            self.grow(n + 3)
        q = self.ptr + self.size
        q[0] = mark
        memcpy(q + 1, PyBytes_AS_STRING(text), n)
        q[n + 1] = 13
        q[n + 2] = 10
        self.size += n + 3

    cpdef bulk(self, bytes value):
        """Append a bulk string."""
        cdef Py_ssize_t n = len(value)
        cdef char *q
        self.number(36, n)
        if n >= LARGE:
            self.large(value)
            self.raw(CRLF)
            return
        if self.size + n + 2 > self.room:
            self.grow(n + 2)
        q = self.ptr + self.size
        memcpy(q, PyBytes_AS_STRING(value), n)
        q[n] = 13
        q[n + 1] = 10
        self.size += n + 2

    cdef text(self, const char *address, Py_ssize_t n):
        """Append `n` bytes at an address as a bulk string."""
        cdef char *q
        if self.size + n + 32 > self.room:
            self.grow(n + 32)
        q = self.ptr + self.size
        if n < 100:  # most are short, and need no division in a loop
            q[0] = 36
            if n < 10:
                q[1] = 48 + <char>n
                q += 2
            else:
                q[1] = 48 + <char>(n // 10)
                q[2] = 48 + <char>(n % 10)
                q += 3
            q[0] = 13
            q[1] = 10
            q += 2
        else:
            self.number(36, n)
            q = self.ptr + self.size
        memcpy(q, address, n)
        q[n] = 13
        q[n + 1] = 10
        self.size = q + n + 2 - self.ptr

    cdef decimal(self, long long n):
        """Append the decimal of an integer as a bulk string."""
        cdef char digits[MOST_DIGITS]
        cdef char *end = digits + MOST_DIGITS
        cdef char *first = write_decimal(end, n)
        self.text(first, end - first)

    cdef large(self, bytes value):
        """Append `value` without copying it."""
        if self.parts is None:
            self.parts = []
        before = PyBytes_FromStringAndSize(self.ptr, self.size)
        self.parts += (before, value)  # both or neither
        self.parts_size += self.size + len(value)
        self.size = 0
        self.shrink()

    cpdef status(self, bytes text):
        """Append a simple string."""
        self.line(43, text)

    cpdef error(self, bytes text):
        """Append an error."""
        self.line(45, text)

    cpdef null(self):
        """Append a null: RESP2 writes it as a bulk string."""
        self.raw(b"_\r\n" if self.resp3 else b"$-1\r\n")

    cpdef floating(self, double v):
        """Append a floating-point number."""
        cdef bytes text = format_float(v)
        if self.resp3:
            self.raw(b",%b\r\n" % text)
        else:
            self.bulk(text)

    cpdef map_header(self, Py_ssize_t n):
        """Begin a map of `n` pairs."""
        if self.resp3:
            self.number(37, n)
        else:
            self.number(42, 2 * n)

    cpdef array_header(self, Py_ssize_t n):
        """Begin an array of `n` items."""
        self.number(42, n)

    # ------------------------------------------------------------------ values

    cpdef value(self, v):
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
            self.number(58, v)
        elif t is list or t is tuple:
            self.number(42, len(v))
            self.items(v)
        elif t is Simple:
            self.line(43, v)
        elif t is float:
            self.floating(v)
        elif isinstance(v, Written):
            (<Written>v).write(self)
        else:
            writers[t](self, v)

    cpdef items(self, values):
        """Append each of `values`, without a header."""
        for v in values:
            if type(v) is bytes:
                self.bulk(v)
            else:
                self.value(v)

    # ------------------------------------------------------------------ what was written

    cpdef bytes take_buffer(self):
        """The buffer's bytes; the buffer is empty then, and no larger than it should stay."""
        cdef bytes taken = PyBytes_FromStringAndSize(self.ptr, self.size)
        self.size = 0
        self.shrink()
        return taken

    cpdef list take_parts(self):
        """All that was written, as a list of byte strings; nothing is left."""
        cdef list parts
        if self.size:
            if self.parts is None:
                self.parts = []
            self.parts.append(PyBytes_FromStringAndSize(self.ptr, self.size))
        parts = self.parts or []
        self.clear()
        return parts

    cpdef bytes take(self):
        """All that was written, as one byte string; nothing is left."""
        return b"".join(self.take_parts())

    cpdef exchange(self, ReplyWriter other):
        """Exchange what was written with another writer: nothing is allocated, and a mark means the same place."""
        self.data, other.data = other.data, self.data
        self.ptr, other.ptr = other.ptr, self.ptr
        self.room, other.room = other.room, self.room
        self.size, other.size = other.size, self.size
        self.parts, other.parts = other.parts, self.parts
        self.parts_size, other.parts_size = other.parts_size, self.parts_size

    cpdef Py_ssize_t mark(self):
        """A place to come back to with `rollback`."""
        return self.parts_size + self.size

    cpdef Py_ssize_t size_since(self, Py_ssize_t mark):
        """How many bytes were written since `mark`."""
        return self.parts_size + self.size - mark

    cpdef rollback(self, Py_ssize_t mark):
        """Forget what was written since `mark`."""
        if mark < self.parts_size:
            self.reopen(mark)
        self.size = mark - self.parts_size
        if self.size <= START_SIZE:
            self.shrink()

    cdef reopen(self, Py_ssize_t mark):
        """Of the parts, leave what was written before `mark`: the last piece of that becomes the buffer again."""
        cdef list parts = self.parts or []
        cdef bytes last = b""
        cdef Py_ssize_t i = len(parts)
        cdef Py_ssize_t start = self.parts_size
        while start > mark:
            i -= 1
            last = parts[i]
            start -= len(last)
        if mark - start > self.room:
            self.resize(mark - start)
        del parts[i:]
        self.parts_size = start
        memcpy(self.ptr, PyBytes_AS_STRING(last), mark - start)

    cpdef clear(self):
        """Forget all that was written; allocates nothing."""
        self.parts = None
        self.parts_size = 0
        self.size = 0
        self.shrink()


cdef class Written:
    """A value that writes itself: only the engine gets one, and writes it before there is a change.

    What is not for a client at once (EXEC, scripts) is made `plain` first.
    """

    cpdef write(self, ReplyWriter out):
        """Append the reply."""
        raise NotImplementedError

    cpdef plain(self):
        """The same as a value of the table in `geventcache.resp.values`."""
        raise NotImplementedError
