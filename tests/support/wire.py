"""RESP as the tests see it: every reply keeps its type byte, so that a simple string never equals a bulk string.

A `Reply` is a kind and a value. The kind is the type byte of the wire; a null bulk string and a null array are `$`
and `*` with the value None, which differ from each other and from RESP3's `_`. Doubles keep their text, maps are
tuples of pairs, and attributes (`|`) are replies of their own. Replies are immutable and hashable, so a multiset of
them is a Counter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

Argument = bytes | str | int | float


class Reply(NamedTuple):
    """One reply: `kind` is its type byte, `value` None, int, bool, bytes, or a tuple (of pairs for a map)."""

    kind: str
    value: Any

    @property
    def is_error(self) -> bool:
        """True for an error of either protocol."""
        return self.kind in "-!"

    @property
    def is_push(self) -> bool:
        """True for a message that answers no command."""
        return self.kind == ">"

    def plain(self) -> Any:
        """Return the value with Python's own types in place of nested replies; types that share a value are merged."""
        if self.kind == "%":
            return {key.plain(): value.plain() for key, value in self.value}
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        return self.value

    def __str__(self) -> str:
        if self.kind == "%":
            return "%{" + ", ".join(f"{key}: {value}" for key, value in self.value) + "}"
        if isinstance(self.value, tuple):
            return f"{self.kind}[{', '.join(map(str, self.value))}]"
        return f"{self.kind}{quoted(self.value) if isinstance(self.value, bytes) else self.value}"


class Source:
    """A buffer over `receive`, a function that returns the next bytes and raises when there are none."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self.receive = receive
        self.buffer = bytearray()

    def line(self) -> bytes:
        """Return the bytes up to the next CRLF, without it."""
        while (end := self.buffer.find(b"\r\n")) < 0:
            self.buffer += self.receive()
        return self._take(end, 2)

    def exact(self, size: int) -> bytes:
        """Return `size` bytes, and drop the CRLF that follows them."""
        while len(self.buffer) < size + 2:
            self.buffer += self.receive()
        if self.buffer[size : size + 2] != b"\r\n":
            raise ValueError(f"no CRLF after {size} bytes: {bytes(self.buffer[: size + 40])!r}")
        return self._take(size, 2)

    def _take(self, size: int, trailer: int) -> bytes:
        taken = bytes(self.buffer[:size])
        del self.buffer[: size + trailer]
        return taken


def read_reply(source: Source) -> Reply:
    """Read one whole reply; raises ValueError for bytes that are not RESP."""
    line = source.line()
    kind, text = chr(line[0]) if line else "none", line[1:]
    if kind in _LINES:
        return Reply(kind, _LINES[kind](text))
    if kind in "$=!":
        return Reply(kind, None if text == b"-1" else source.exact(int(text)))
    if kind in "*~>":
        return Reply(kind, None if text == b"-1" else tuple(read_reply(source) for _ in range(int(text))))
    if kind in "%|":
        return Reply(kind, tuple((read_reply(source), read_reply(source)) for _ in range(int(text))))
    raise ValueError(f"not a reply: {line!r}")


def _null(text: bytes) -> None:
    if text:
        raise ValueError(f"a null with a value: {text!r}")


def _boolean(text: bytes) -> bool:
    return {b"t": True, b"f": False}[text]


_LINES: dict[str, Callable[[bytes], Any]] = {
    "+": bytes,
    "-": bytes,
    ":": int,
    ",": bytes,
    "(": int,
    "#": _boolean,
    "_": _null,
}


def encoded(argument: Argument) -> bytes:
    """Return an argument as the bytes that are sent."""
    if isinstance(argument, bytes):
        return argument
    return str(argument).encode()


def request(argv: tuple[bytes, ...]) -> bytes:
    """Return a command as a RESP array of bulk strings."""
    return b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in argv)


_TOKEN = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"']\S*)""", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
_ESCAPES = {value: b"\\" + letter for letter, value in _ESCAPED.items()} | {b'"': b'\\"', b"\\": b"\\\\"}
_BARE = re.compile(rb"[A-Za-z0-9_.:/*@+|,-]+")


def quoted(argument: bytes) -> str:
    """Return an argument as one would type it into redis-cli."""
    if _BARE.fullmatch(argument) and not argument.endswith(b":"):
        return argument.decode()
    return f'"{"".join(_escape(bytes((byte,))) for byte in argument)}"'


def _escape(byte: bytes) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte].decode()
    return byte.decode() if b" " <= byte <= b"~" else f"\\x{byte[0]:02x}"


def split_line(line: str) -> tuple[bytes, ...]:
    """Return the arguments of a line that is written as for redis-cli; raises ValueError for unbalanced quotes."""
    argv, position, line = [], 0, line.strip()
    while position < len(line):
        token = _TOKEN.match(line, position)
        if token is None:
            raise ValueError(f"unbalanced quotes: {line}")
        argv.append(_unquoted(token[1]))
        position = token.end()
    return tuple(argv)


def _unquoted(token: str) -> bytes:
    if token[0] == '"':
        return _ESCAPE.sub(_unescape, token[1:-1].encode())
    return token[1:-1].replace("\\'", "'").encode() if token[0] == "'" else token.encode()


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode()) if match[1] else _ESCAPED.get(match[2], match[2])
