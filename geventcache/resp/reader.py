# cython: boundscheck=False, wraparound=False, cdivision=True
"""Requests out of a stream of bytes: arrays of bulk strings, and inline commands.

The rules:

- Bytes may come in any pieces; `RequestReader.feed` returns the commands that the new ones completed.
- Memory follows the bytes that arrived. An announced length is checked against the limits and otherwise only believed:
  a list grows by its elements, a large element by what was received of it.
- A broken request is told in the reference's words, once: `error` is set and the reader takes no more.
- Where memory is short, `feed` and `room` raise MemoryError, and `error` is set: what follows could not be told from
  what was lost.
- The last incomplete line or small element waits in `tail`; an element of `LARGE` bytes or more is received straight
  into its final object (see `room`), so that a value of 100 MB is copied once, by the kernel.

Specification: https://redis.io/docs/latest/develop/reference/protocol-spec/ (requests), and for limits and error texts
the behaviour of Valkey 9.1.
"""

import cython

from geventcache.base.errors import ProtocolError

if not cython.compiled:
    from geventcache.resp.fast_requests import FastRequests

    append = list.append

    def roomy_list(room):
        """An empty list, which grows as it likes."""
        return []


MAX_ELEMENTS = 2_147_483_647
MAX_INLINE = 64 * 1024
MAX_ELEMENTS_UNAUTHENTICATED = 10
MAX_BULK_UNAUTHENTICATED = 16384
LARGE = 32 * 1024
FIRST_PIECE = 1024 * 1024
ELEMENT_OVERHEAD = 33
LONGEST_NAME = 32
COUNT_OF_NAMES = 256
NAMES: list[bytes] = [b""] * COUNT_OF_NAMES
ROOM = 8  # elements that a list has room for before they arrive
NO_MEMORY = ProtocolError(b"out of memory")
MAX_DIGITS = 19
MAX_LENGTH = 9_223_372_036_854_775_807
NOT_A_NUMBER = -2


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def find_byte(
    p: cython.p_const_uchar, byte: cython.int, start: cython.Py_ssize_t, end: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Index of `byte` in p[start:end], or -1."""
    if cython.compiled:
        # Headers are short: a loop beats memchr's set-up up to some 20 bytes, and long lines are rare.
        i: cython.Py_ssize_t = start
        while i < end:
            if p[i] == byte:
                return i
            i += 1
        return -1
    return p.find(byte, start, end)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def parse_length(p: cython.p_const_uchar, start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """The canonical decimal of 64 bits in p[start:end]; NOT_A_NUMBER when it is none; every negative number as -1."""
    if cython.compiled:
        n: cython.ulonglong = 0  # holds any 19 digits
        digit: cython.uint
        i: cython.Py_ssize_t = start
        if end - start == 1:  # as most lengths are
            digit = p[start] - 48
            return digit if digit <= 9 else NOT_A_NUMBER
        if end <= start:
            return NOT_A_NUMBER
        is_negative: cython.bint = p[start] == 45
        if is_negative:
            i += 1
            if i == end:
                return NOT_A_NUMBER
        if end - i > MAX_DIGITS:
            return NOT_A_NUMBER
        if p[i] == 48 and end - start > 1:
            return NOT_A_NUMBER
        while i < end:
            digit = p[i] - 48
            if digit > 9:
                return NOT_A_NUMBER
            n = n * 10 + digit
            i += 1
        if n > cython.cast(cython.ulonglong, MAX_LENGTH) + is_negative:
            return NOT_A_NUMBER
        return -1 if is_negative else cython.cast(cython.Py_ssize_t, n)
    text = p[start:end]
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > MAX_DIGITS or (digits[:1] == b"0" and len(text) > 1):
        return NOT_A_NUMBER
    number = int(text)
    if not -MAX_LENGTH - 1 <= number <= MAX_LENGTH:
        return NOT_A_NUMBER
    return -1 if number < 0 else number


@cython.cfunc
@cython.inline
def cut(p: cython.p_const_uchar, start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> bytes:
    """The bytes p[start:end], as an object of their own."""
    if cython.compiled:
        return p[start:end]
    return bytes(p[start:end])


if cython.compiled:

    @cython.cfunc
    @cython.inline
    def name_at(p: cython.p_const_uchar, length: cython.Py_ssize_t) -> bytes:
        """The name of a command, up to LONGEST_NAME bytes: mostly one that was read before, of whatever client.

        The same object again spares an allocation, its hash, and whoever looks it up a comparison.
        """
        place: cython.uint = 0
        i: cython.Py_ssize_t
        for i in range(length):
            place = place * 125 + p[i]  # a factor that keeps the everyday names apart
        place &= COUNT_OF_NAMES - 1
        name: bytes = NAMES[place]
        if len(name) != length or memcmp(PyBytes_AS_STRING(name), p, length) != 0:  # noqa: F821
            name = p[:length]
            NAMES[place] = name
        return name


@cython.cfunc
def split_line(p: cython.p_const_uchar, start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> list:
    """The words of the inline command p[start:end], or None when its quotes do not balance."""
    if not cython.compiled:
        return split_inline(p[start:end])
    words: list = []
    begin: cython.Py_ssize_t = -1
    i: cython.Py_ssize_t
    for i in range(start, end):
        if p[i] == 34 or p[i] == 39:
            return split_inline(cut(p, start, end))
        if p[i] == 32 or 9 <= p[i] <= 13:
            if begin >= 0:
                words.append(cut(p, begin, i))
                begin = -1
        elif begin < 0:
            begin = i
    if begin >= 0:
        words.append(cut(p, begin, end))
    return words


class RequestReader:
    """An incremental reader of one client's requests.

    Attributes:
        error: the ProtocolError that ended the stream, or None.
        max_bulk: longest element in bytes (proto-max-bulk-len).
        max_pending: most bytes of one unfinished command (client-query-buffer-limit); over it, `overflown` becomes
            true.
        is_trusted: False until the client has authenticated where it must; small limits apply meanwhile, and commands
            come out one by one, since any of them may authenticate: `has_more` tells to call `feed` again, with
            nothing.
        multibulk_count: elements that the command being read still lacks (0 between commands).
    """

    def __init__(self, max_bulk: int = 512 * 1024 * 1024, max_pending: int = 1024 * 1024 * 1024) -> None:
        self.max_bulk = max_bulk
        self.max_pending = max_pending
        self.is_trusted = True
        self.overflown = False
        self.error: ProtocolError | None = None
        self.has_more = False
        self.args: list[bytes] | None = None
        self.multibulk_count = 0
        self.length = -1
        self.tail: bytes | None = None
        self.pending = 0
        self.filled = 0
        if not cython.compiled:
            self.large: bytearray | None = None
            self.fast = FastRequests()

    if cython.compiled:

        def __dealloc__(self):
            if self.large != cython.NULL:
                Py_DECREF(cython.cast(object, self.large))  # noqa: F821

    def feed(self, data, size):
        """Take `size` bytes of `data` (bytes or bytearray); return the list of commands they completed.

        Each command is a list of bytes, its name first. After a protocol error `error` is set; the commands before it
        are returned.
        """
        try:
            if cython.compiled:
                if type(data) is bytes:
                    return self.parse(cython.cast(cython.p_const_uchar, PyBytes_AS_STRING(data)), size)  # noqa: F821
                return self.parse(cython.cast(cython.p_const_uchar, PyByteArray_AS_STRING(data)), size)  # noqa: F821
            piece = data if type(data) is bytes else bytes(memoryview(data)[:size])
            if self.args is None and self.tail is None and self.is_trusted:
                commands = self.fast.split(piece, self.max_bulk)
                if commands is not None:
                    return commands
            return self.parse(piece, size)
        except MemoryError:
            self.error = NO_MEMORY
            raise

    def parse(self, p, end):
        """`feed`, on a C string."""
        done: list = []
        args: list | None = self.args
        want: cython.Py_ssize_t = self.multibulk_count
        length: cython.Py_ssize_t = self.length
        pos: cython.Py_ssize_t = 0
        eol: cython.Py_ssize_t
        joined: bytes
        if length >= LARGE and self.is_filling():
            pos = self.fill(p, 0, end)
            if self.filled - 2 < length:  # `length + 2` may be more than there are numbers, here and below
                self.overflown = self.pending + self.filled > self.max_pending
                return done
            cython.cast(list, args).append(self.take_large())
            length = -1
            want -= 1
            if want == 0:
                done.append(args)
                args = None
                self.pending = 0
        elif self.tail is not None:
            joined = cython.cast(bytes, self.tail) + cut(p, 0, end)
            p = joined
            end = len(joined)
            self.tail = None
        while pos < end:
            if args is None:
                if p[pos] != 42:  # "*"
                    eol = find_byte(p, 10, pos, end)
                    if eol < 0:
                        if end - pos > MAX_INLINE:
                            return self.fail(done, b"too big inline request")
                        break
                    if eol - pos > MAX_INLINE:
                        return self.fail(done, b"too big inline request")
                    words = split_line(p, pos, eol)
                    if words is None:
                        return self.fail(done, b"unbalanced quotes in request")
                    pos = eol + 1
                    if words:
                        done.append(words)
                        if not self.is_trusted:
                            break
                    continue
                eol = find_byte(p, 13, pos, end)
                if eol < 0 or eol + 1 >= end:
                    if eol < 0 and end - pos > MAX_INLINE:
                        return self.fail(done, b"too big mbulk count string")
                    break
                want = parse_length(p, pos + 1, eol)
                if p[eol + 1] != 10:
                    return self.fail(done, b"invalid CRLF in request")
                if want == NOT_A_NUMBER or want > MAX_ELEMENTS:
                    return self.fail(done, b"invalid multibulk length")
                if want > MAX_ELEMENTS_UNAUTHENTICATED and not self.is_trusted:
                    return self.fail(done, b"unauthenticated multibulk length")
                pos = eol + 2
                if want <= 0:
                    want = 0
                    continue
                args = roomy_list(want if want < ROOM else ROOM)
                continue
            if length < 0:
                eol = find_byte(p, 13, pos, end)
                if eol < 0 or eol + 1 >= end:
                    if eol < 0 and end - pos > MAX_INLINE:
                        return self.fail(done, b"too big bulk count string")
                    break
                if p[pos] != 36:  # "$"
                    found: bytes = b" " if p[pos] in b"\r\n" else cut(p, pos, pos + 1)
                    return self.fail(done, b"expected '$', got '%b'" % found)
                length = parse_length(p, pos + 1, eol)
                if p[eol + 1] != 10:
                    return self.fail(done, b"invalid CRLF in request")
                if length < 0 or length > self.max_bulk:
                    return self.fail(done, b"invalid bulk length")
                if length > MAX_BULK_UNAUTHENTICATED and not self.is_trusted:
                    return self.fail(done, b"unauthenticated bulk length")
                pos = eol + 2
            if end - pos - 2 < length:
                if length >= LARGE:
                    self.start_large(length)
                    pos += self.fill(p, pos, end)
                break
            if p[pos + length] != 13 or p[pos + length + 1] != 10:
                return self.fail(done, b"invalid CRLF in request")
            if cython.compiled and not args and 0 < length <= LONGEST_NAME:
                append(args, name_at(p + pos, length))
            else:
                append(args, cut(p, pos, pos + length))
            self.pending += length + ELEMENT_OVERHEAD
            pos += length + 2
            length = -1
            want -= 1
            if want == 0:
                done.append(args)
                args = None
                self.pending = 0
                if not self.is_trusted:
                    break
        self.args = args
        self.multibulk_count = want
        self.length = length
        if pos < end:
            self.tail = cut(p, pos, end)
        self.has_more = pos < end and not self.is_trusted and len(done) > 0
        if self.pending + self.filled > self.max_pending:
            self.overflown = True
        return done

    def buffered(self):
        """Bytes that arrived for a command that is not complete."""
        return self.pending + (0 if self.tail is None else len(self.tail)) + self.filled

    def fail(self, done, text):
        """Note the error; what was complete before it still runs."""
        self.error = ProtocolError(text)
        return done

    def is_filling(self):
        """Is a large element being received?"""
        if cython.compiled:
            return self.large != cython.NULL
        return self.large is not None

    def start_large(self, length):
        """Begin a large element: room for its first piece only, whatever was announced."""
        self.filled = 0
        if cython.compiled:
            piece: cython.Py_ssize_t = length if length < FIRST_PIECE else FIRST_PIECE
            value = PyBytes_FromStringAndSize(cython.NULL, piece)  # noqa: F821
            Py_INCREF(value)  # noqa: F821
            self.large = cython.cast(cython.pointer(PyObject), value)  # noqa: F821
            self.large_size = piece
            self.large_length = length
        else:
            self.large = bytearray()
            self.large_length = length

    def fill(self, p, start, end):
        """Move what is there of p[start:end] into the large element; return how much: its line end counts, but goes."""
        taken: cython.Py_ssize_t = self.large_length - self.filled
        if taken > end - start:
            taken = end - start
        if taken > 0:
            if cython.compiled:
                if self.filled + taken > self.large_size:
                    self.grow_large(self.filled + taken)
                memcpy(PyBytes_AS_STRING(cython.cast(object, self.large)) + self.filled, p + start, taken)  # noqa: F821
            else:
                self.large += p[start : start + taken]
        else:
            taken = 0
        line_end: cython.Py_ssize_t = end - start - taken
        if line_end > 0 and line_end > self.large_length - self.filled - taken + 2:
            line_end = self.large_length - self.filled - taken + 2
        self.filled += taken + line_end
        return taken + line_end

    def take_large(self):
        """The large element, complete."""
        self.filled = 0
        if cython.compiled:
            value = cython.cast(object, self.large)
            Py_DECREF(value)  # noqa: F821
            self.large = cython.NULL
            return value
        value = bytes(self.large or b"")
        self.large = None
        return value

    if cython.compiled:

        def grow_large(self, needed):
            """Double the room of the large element, up to its announced length: the kernel moves it without copying."""
            size: cython.Py_ssize_t = self.large_size * 2
            if size < needed:
                size = needed
            if size > self.large_length:
                size = self.large_length
            try:
                resize_bytes(cython.address(self.large), size)  # noqa: F821
            except MemoryError:  # the object is gone, and the pointer to it is NULL
                self.filled = 0
                self.error = NO_MEMORY
                raise
            self.large_size = size

        def room(self):
            """Bytes that may be received straight to `target`; 0 when no large element is being read."""
            if self.large == cython.NULL or self.filled >= self.large_length:
                return 0
            if self.filled == self.large_size:
                self.grow_large(self.filled + 1)
            return self.large_size - self.filled

        def target(self):
            """Where to receive to."""
            return PyBytes_AS_STRING(cython.cast(object, self.large)) + self.filled  # noqa: F821

        def advance(self, n):
            """`n` bytes were received to `target`."""
            self.filled += n


ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}
# What stands for a byte between double quotes.
QUOTED = {byte: bytes([byte]) if 32 <= byte < 127 else b"\\x%02x" % byte for byte in range(256)} | {
    byte: b"\\" + bytes([letter]) for letter, byte in [*ESCAPES.items(), (34, 34), (92, 92)]
}
SPACE = b" \t\n\r\v\f\0"


def quoted(text):
    """A text in double quotes, as `split_inline` reads it; what is not printable is escaped."""
    return b'"%b"' % b"".join(map(QUOTED.__getitem__, text))


def split_inline(line):
    r"""The words of an inline command, or None when its quotes do not balance.

    Double quotes know the escapes of C and ``\xHH``; single quotes only ``\'``.
    """
    if b'"' not in line and b"'" not in line:
        return line.split()
    words: list[bytes] = []
    pos = 0
    end = len(line)
    while True:
        while pos < end and line[pos] in SPACE:
            pos += 1
        if pos >= end:
            return words
        word = bytearray()
        while pos < end and line[pos] not in SPACE:
            if line[pos] == 34:
                pos = read_double_quoted(line, pos + 1, word)
            elif line[pos] == 39:
                pos = read_single_quoted(line, pos + 1, word)
            else:
                word.append(line[pos])
                pos += 1
            if pos < 0:
                return None
        words.append(bytes(word))


def read_double_quoted(line, pos, word):
    """Append to `word` what stands before the closing quote; return the index after it, or -1 when there is none."""
    end = len(line)
    while pos < end:
        byte = line[pos]
        if byte == 34:
            return pos + 1
        if byte == 92 and pos + 1 < end:
            digits = line[pos + 2 : pos + 4]
            if line[pos + 1] == 120 and len(digits) == 2 and all(d in b"0123456789abcdefABCDEF" for d in digits):
                word.append(int(digits, 16))
                pos += 4
                continue
            pos += 1
            byte = ESCAPES.get(line[pos], line[pos])
        word.append(byte)
        pos += 1
    return -1


def read_single_quoted(line, pos, word):
    """As `read_double_quoted`, for single quotes."""
    end = len(line)
    while pos < end:
        if line[pos] == 39:
            return pos + 1
        if line[pos : pos + 2] == b"\\'":
            pos += 1
        word.append(line[pos])
        pos += 1
    return -1
