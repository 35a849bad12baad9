"""One blocking connection to one server; no reply is changed, dropped or reordered on the way to the test."""

from __future__ import annotations

import select
import socket

from .wire import Argument, Reply, Source, encoded, read_reply, request

PATIENCE_S = 10.0  # how long a reply may take before the test fails; far above what any tested command needs
Address = tuple[str, int]


class Client:
    """A connection that has chosen its protocol: 2 says nothing, 3 sends HELLO 3."""

    def __init__(self, address: Address, protocol: int = 2) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._source = Source(self._receive_bytes)
        if protocol == 3:
            self.do("HELLO", 3)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def send(self, *arguments: Argument) -> None:
        """Send one command and wait for nothing."""
        self.send_bytes(request(tuple(encoded(argument) for argument in arguments)))

    def receive(self) -> Reply:
        """Return the next reply or push; raises EOFError when the server closed, TimeoutError when nothing comes."""
        return read_reply(self._source)

    def is_closed(self) -> bool:
        """Wait for what the server does with the connection; True if it ends it, with or without a reset."""
        try:
            self.receive()
        except (EOFError, ConnectionError):
            return True
        return False

    def do(self, *arguments: Argument) -> Reply:
        """Send one command and return its reply; pushes before it are dropped."""
        self.send(*arguments)
        while (reply := self.receive()).is_push:
            pass
        return reply

    def drain(self) -> list[Reply]:
        """Return what the server has sent so far, found by a PING that answers after it."""
        mark = b"drained"
        self.send("PING", mark)
        messages: list[Reply] = []
        while not _is_answer(reply := self.receive(), mark):
            messages.append(reply)
        return messages

    def has_input(self) -> bool:
        """True when bytes, or the end of the connection, can be read at once."""
        return bool(self._source.buffer) or bool(select.select([self.socket], [], [], 0)[0])

    def _receive_bytes(self) -> bytes:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the server closed the connection")
        return data


def _is_answer(reply: Reply, mark: bytes) -> bool:
    """A subscribed RESP2 connection answers PING with an array."""
    return reply == Reply("$", mark) or reply == Reply("*", (Reply("$", b"pong"), Reply("$", mark)))
