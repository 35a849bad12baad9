"""A proxy in front of a server, whose links can be cut, stopped and slowed down; it runs in threads of the test."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from .client import Address

READ_SIZE = 1 << 16
TICK_S = 0.005


class Cut:
    """One listener, and what goes through it to one server.

    Attributes:
        target: where it leads to.
        is_stopped: nothing goes through, in neither direction, and nobody is told.
        delay_s: how long everything takes on its way.
    """

    def __init__(self, target: Address) -> None:
        self.target = target
        self.is_stopped = False
        self.delay_s = 0.0
        self.pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.is_closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return "127.0.0.1", self.port

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self.listener.getsockname()[1])

    def accept(self) -> None:
        """Take connections, until the end."""
        with contextlib.suppress(OSError):
            while not self.is_closed:
                near, _ = self.listener.accept()
                try:
                    far = socket.create_connection(self.target, 1)
                except OSError:
                    near.close()
                    continue
                self.pairs.add((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one: socket.socket, other: socket.socket) -> None:
        """Carry bytes from one end to the other."""
        with contextlib.suppress(OSError):
            while data := one.recv(READ_SIZE):
                if self.delay_s:
                    time.sleep(self.delay_s)
                while self.is_stopped and not self.is_closed:
                    time.sleep(TICK_S)
                other.sendall(data)
        for sock in (one, other):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End all connections."""
        pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()

    def close(self) -> None:
        """End."""
        self.is_closed = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # else the thread would wait on
        self.listener.close()
        self.cut()
