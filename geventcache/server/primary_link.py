"""The connection of a replica to its primary: sockets, lines, the words of the handshake, and the file that follows it.

What the other side says is believed only as far as it goes: a line has an end, a file the bytes that were announced.
"""

from __future__ import annotations

import contextlib
from typing import Any

from gevent import socket, ssl

from geventcache.resp.frames import pack
from geventcache.server import forks

LONGEST_LINE = 64 << 10
READ_BYTES = 64 << 10
MARK_BYTES = 40
MARKED = b"$EOF:"


class LinkError(Exception):
    """The link is of no use any more; the text says why."""


class RefusedError(LinkError):
    """The primary has answered with an error."""


class PrimaryLink:
    """A connection to a primary.

    Args:
        place: host and port.
        timeout_s: for how long silence is borne.
        context: of TLS, None without it.
    """

    def __init__(self, place: tuple[str, int], timeout_s: float, context: ssl.SSLContext | None) -> None:
        """Connect.

        Raises:
            LinkError: nobody answers there.
        """
        self.rest = b""
        try:
            self.sock: Any = socket.create_connection(place, timeout_s)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self.sock = context.wrap_socket(self.sock, server_hostname=place[0])
            self.sock.settimeout(timeout_s)
        except (OSError, OverflowError, UnicodeError) as error:
            raise LinkError(f"cannot connect: {error}") from None

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self.sock.close()

    def abandon(self) -> None:
        """In a forked process: it is the other's."""
        forks.let_go(self.sock)

    # ------------------------------------------------------------------ bytes

    def receive(self) -> bytes:
        """The next bytes, as many as there are.

        Raises:
            LinkError: none come any more.
        """
        if self.rest:
            data: bytes = self.rest
            self.rest = b""
            return data
        try:
            data = self.sock.recv(READ_BYTES)
        except TimeoutError:
            raise LinkError("nothing came for too long") from None
        except OSError as error:
            raise LinkError(f"the connection broke: {error}") from None
        if not data:
            raise LinkError("the connection was closed")
        return data

    def give_back(self, data: bytes) -> None:
        """These bytes are to be received next."""
        self.rest = data + self.rest

    def line(self) -> bytes:
        """The next line that is not empty: empty ones only say that the primary is still at work."""
        data = b""
        while True:
            while b"\n" not in data:
                if len(data) > LONGEST_LINE:
                    raise LinkError("it sends something that is no reply")
                data += self.receive()
            line, _, data = data.partition(b"\n")
            line = line.rstrip(b"\r")
            if line:
                self.rest = data + self.rest
                return line

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise LinkError(f"the connection broke: {error}") from None

    def send(self, *words: bytes) -> None:
        """Send a request, and do not wait for an answer."""
        self.send_bytes(pack(words))

    def ask(self, *words: bytes) -> bytes:
        """Send a request; return the line that answers it.

        Raises:
            RefusedError: it is an error.
        """
        self.send(*words)
        line = self.line()
        if line.startswith(b"-"):
            raise RefusedError(line[1:].decode(errors="replace"))
        return line

    def suggest(self, *words: bytes) -> None:
        """Send a request that old servers do not know: what they answer does not matter."""
        with contextlib.suppress(RefusedError):
            self.ask(*words)

    # ------------------------------------------------------------------ the handshake

    def greet(self, credentials: tuple[bytes, ...]) -> None:
        """Say who we are.

        Raises:
            RefusedError: that is not enough.
        """
        try:
            self.ask(b"PING")
        except RefusedError as error:
            if not str(error).startswith(("NOAUTH", "NOPERM", "ERR operation not permitted")):
                raise
        if credentials:
            self.ask(b"AUTH", *credentials)


class LinkTransport:
    """What takes the place of a connection for the client whom a primary's requests run as: nothing is sent to it."""

    def __init__(self, link: PrimaryLink) -> None:
        self.link = link
        self.sock = link.sock

    def drain(self) -> None:
        """What was pushed goes nowhere."""

    def wake(self) -> None:
        """There is nothing to go on with, unless it is to be closed."""

    def break_off(self) -> None:
        """End the link."""
        self.link.close()

    def abandon(self, is_own_hub: bool) -> None:
        """In a forked process: it is the other's."""
        self.link.abandon()


class FileSource:
    """The bytes of the file that a primary sends, and no more than these.

    Its size stands before it, or a mark before and behind it.

    Attributes:
        total: the size, 0 if nobody knows.
        received: how many bytes have come.
        is_over: the last one has come.
    """

    def __init__(self, link: PrimaryLink, announcement: bytes) -> None:
        """Read what the primary announces, a line.

        Raises:
            LinkError: it is no file.
        """
        self.link = link
        self.total = 0
        self.received = 0
        self.mark = b""
        self.held = b""
        self.is_over = False
        if announcement.startswith(MARKED):
            self.mark = announcement[len(MARKED) :]
            if len(self.mark) != MARK_BYTES:
                raise LinkError("it announces a file without a proper mark")
        else:
            size = announcement[1:]
            if not announcement.startswith(b"$") or not size.isdigit() or len(size) > 19:
                shown = announcement[:100].decode(errors="replace")
                raise LinkError(f"it sends no file but {shown!r}")
            self.total = int(size)
            self.is_over = self.total == 0

    def read(self) -> bytes:
        """The next bytes; none at the end.

        Raises:
            LinkError: no more come, though more must.
        """
        if self.is_over:
            return b""
        return self.read_marked() if self.mark else self.read_sized()

    def read_sized(self) -> bytes:
        """`read`, of a file of known size."""
        data = self.link.receive()
        left = self.total - self.received
        if len(data) >= left:
            self.link.give_back(data[left:])
            data = data[:left]
            self.is_over = True
        self.received += len(data)
        return data

    def read_marked(self) -> bytes:
        """`read`, of a file that ends with a mark: as many bytes are held back, and nothing comes behind it."""
        while True:
            data = self.held + self.link.receive()
            if data.endswith(self.mark):
                self.is_over = True
            data, self.held = data[:-MARK_BYTES], data[-MARK_BYTES:]
            self.received += len(data)
            if data or self.is_over:
                return data
