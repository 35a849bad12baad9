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
from geventcache.resp import scan
from geventcache.resp.large import LargeElement

MAX_ELEMENTS = 2_147_483_647
MAX_INLINE = 64 * 1024
MAX_ELEMENTS_UNAUTHENTICATED = 10
MAX_BULK_UNAUTHENTICATED = 16384
LARGE = 32 * 1024
ELEMENT_OVERHEAD = 33
LONGEST_NAME = 32
LINE_END = 2
ROOM = 8  # elements that a list has room for before they arrive
NO_MEMORY = ProtocolError(b"out of memory")


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
        self.large: LargeElement | None = None
        self.short_cut = scan.short_cut()

    def feed(self, data, size):
        """Take `size` bytes of `data` (bytes or bytearray); return the list of commands they completed.

        Each command is a list of bytes, its name first. After a protocol error `error` is set; the commands before it
        are returned. What comes behind it, or behind more than may wait, is dropped.
        """
        if self.error is not None or self.overflown:
            return []
        try:
            if self.short_cut is not None and self.args is None and self.tail is None and self.is_trusted:
                commands = self.short_cut.split(data, size, self.max_bulk)
                if commands is not None:
                    return commands
            return self.parse(scan.address(data, size), size)
        except MemoryError:
            self.large = None
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
        if self.large is not None:
            pos = self.fill(p, 0, end)
            if self.large.passed < LINE_END:
                self.overflown = self.held() > self.max_pending
                return done
            cython.cast(list, args).append(self.large.take())
            self.large = None
            length = -1
            want -= 1
            if want == 0:
                done.append(args)
                args = None
                self.pending = 0
        elif self.tail is not None:
            joined = cython.cast(bytes, self.tail) + scan.cut(p, 0, end)
            p = joined
            end = len(joined)
            self.tail = None
        while pos < end:
            if args is None:
                if p[pos] != 42:  # "*"
                    eol = scan.find_byte(p, 10, pos, end)
                    if eol < 0:
                        if end - pos > MAX_INLINE:
                            return self.fail(done, b"too big inline request")
                        break
                    if eol - pos > MAX_INLINE:
                        return self.fail(done, b"too big inline request")
                    words = scan.split_line(p, pos, eol)
                    if words is None:
                        return self.fail(done, b"unbalanced quotes in request")
                    pos = eol + 1
                    if words:
                        done.append(words)
                        if not self.is_trusted:
                            break
                    continue
                eol = scan.find_byte(p, 13, pos, end)
                if eol < 0 or eol + 1 >= end:
                    if eol < 0 and end - pos > MAX_INLINE:
                        return self.fail(done, b"too big mbulk count string")
                    break
                want = scan.parse_length(p, pos + 1, eol)
                if p[eol + 1] != 10:
                    return self.fail(done, b"invalid CRLF in request")
                if want == scan.NOT_A_NUMBER or want > MAX_ELEMENTS:
                    return self.fail(done, b"invalid multibulk length")
                if want > MAX_ELEMENTS_UNAUTHENTICATED and not self.is_trusted:
                    return self.fail(done, b"unauthenticated multibulk length")
                pos = eol + 2
                if want <= 0:
                    want = 0
                    continue
                args = scan.roomy_list(want if want < ROOM else ROOM)
                continue
            if length < 0:
                length = scan.short_length(p, pos, end)
                if length >= 0:
                    pos += 4 if length < 10 else 5
                    if length > self.max_bulk:
                        return self.fail(done, b"invalid bulk length")
            if length < 0:
                eol = scan.find_byte(p, 13, pos, end)
                if eol < 0 or eol + 1 >= end:
                    if eol < 0 and end - pos > MAX_INLINE:
                        return self.fail(done, b"too big bulk count string")
                    break
                if p[pos] != 36:  # "$"
                    found: bytes = b" " if p[pos] in b"\r\n" else scan.cut(p, pos, pos + 1)
                    return self.fail(done, b"expected '$', got '%b'" % found)
                length = scan.parse_length(p, pos + 1, eol)
                if p[eol + 1] != 10:
                    return self.fail(done, b"invalid CRLF in request")
                if length < 0 or length > self.max_bulk:
                    return self.fail(done, b"invalid bulk length")
                if length > MAX_BULK_UNAUTHENTICATED and not self.is_trusted:
                    return self.fail(done, b"unauthenticated bulk length")
                pos = eol + 2
            if end - pos - 2 < length:
                if length >= LARGE:
                    self.large = LargeElement(length)
                    pos += self.fill(p, pos, end)
                break
            if p[pos + length] != 13 or p[pos + length + 1] != 10:
                return self.fail(done, b"invalid CRLF in request")
            if not args and 0 < length <= LONGEST_NAME:
                scan.append(args, scan.name_at(p, pos, length))
            else:
                scan.append(args, scan.cut(p, pos, pos + length))
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
            self.tail = scan.cut(p, pos, end)
        self.has_more = pos < end and not self.is_trusted and len(done) > 0
        if self.held() > self.max_pending:
            self.overflown = True
        return done

    def held(self):
        """Bytes of the elements of a command that is not complete."""
        return self.pending if self.large is None else self.pending + self.large.filled + self.large.passed

    def buffered(self):
        """Bytes that arrived for a command that is not complete."""
        return self.held() + (0 if self.tail is None else len(self.tail))

    def fail(self, done, text):
        """Note the error; what was complete before it still runs."""
        self.error = ProtocolError(text)
        return done

    def fill(self, p, start, end):
        """Move what is there of p[start:end] into the large element; return how much: its line end counts, but goes."""
        large: LargeElement = cython.cast(LargeElement, self.large)
        taken: cython.Py_ssize_t = min(large.length - large.filled, end - start)
        if taken > 0:
            large.put(p, start, taken)
        if large.filled == large.length:
            line_end: cython.Py_ssize_t = min(LINE_END - large.passed, end - start - taken)
            large.passed += line_end
            taken += line_end
        return taken

    def room(self):
        """Bytes that may be received straight into the large element (`LargeElement.target`); 0 if there is none."""
        if self.large is None:
            return 0
        try:
            return self.large.room()
        except MemoryError:
            self.large = None
            self.error = NO_MEMORY
            raise
