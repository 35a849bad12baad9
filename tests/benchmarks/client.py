"""A client that is cheap enough to measure with: requests are encoded ahead, replies are read by hiredis.

Rules: one connection, RESP2; an error reply raises, so that no benchmark ever measures errors.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from itertools import islice
from typing import Any

import hiredis

Word = bytes | str | int
_CHUNK_BYTES = 1 << 20


def encode(*words: Word) -> bytes:
    """Return a request's bytes."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


class Client:
    """A connection to a server on this machine; a context manager that closes it."""

    def __init__(self, port: int, timeout_s: float = 120.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = hiredis.Reader()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, to wait on."""
        return self._socket.fileno()

    def do(self, *words: Word) -> Any:
        """Return the reply to one command; raises hiredis.ReplyError."""
        return self.exchange(encode(*words), 1)[0]

    def exchange(self, requests: bytes, count: int) -> list[Any]:
        """Send encoded requests and return their `count` replies; raises hiredis.ReplyError."""
        self.send(requests)
        return self.replies(count)

    def send(self, requests: bytes) -> None:
        """Send encoded requests."""
        self._socket.sendall(requests)

    def receive(self) -> bytes:
        """Return bytes as they arrive, none when the server has closed the connection."""
        return self._socket.recv(_CHUNK_BYTES)

    def replies(self, count: int) -> list[Any]:
        """Return the next `count` replies; raises hiredis.ReplyError, or ConnectionError when they do not come."""
        replies: list[Any] = []
        while len(replies) < count:
            reply = self._replies.gets()
            if reply is False:
                self._feed()
            elif isinstance(reply, hiredis.ReplyError):
                raise reply
            else:
                replies.append(reply)
        return replies

    def _feed(self) -> None:
        chunk = self.receive()
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._replies.feed(chunk)

    def fill(self, requests: Iterable[bytes], depth: int = 500) -> None:
        """Send single commands in pipelines of `depth`, the next one before the last one's replies are read."""
        source = iter(requests)
        awaited = 0
        while batch := list(islice(source, depth)):
            self.send(b"".join(batch))
            self.replies(awaited)
            awaited = len(batch)
        self.replies(awaited)

    def lacks(self, *commands: str) -> list[str]:
        """Return those of the commands that the server does not know; they are sent without arguments."""
        return [command for command in commands if self._is_unknown(command)]

    def _is_unknown(self, command: str) -> bool:
        try:
            self.do(command)
        except hiredis.ReplyError as error:
            return "unknown command" in str(error)
        return False
