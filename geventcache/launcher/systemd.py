"""systemd's two favours: sockets that it has bound, and a word when the server is ready.

Specification: sd_listen_fds(3) and sd_notify(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

_FIRST_DESCRIPTOR = 3


def listening_sockets() -> list[socket.socket]:
    """The sockets that systemd hands to this process, none without it. They are not told to children."""
    count = os.environ.pop("LISTEN_FDS", "")
    process = os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdigit():
        return []
    sockets = [socket.socket(fileno=_FIRST_DESCRIPTOR + i) for i in range(int(count))]
    for sock in sockets:
        sock.set_inheritable(False)
    return sockets


def notify(*words: str) -> None:
    """Send words such as ``READY=1`` to whoever supervises this process, if anybody does."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    # Where nobody listens, the server serves all the same.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto("\n".join(words).encode(), address)


def reloading() -> None:
    """Tell that the settings are read again; ``READY=1`` has to follow."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
