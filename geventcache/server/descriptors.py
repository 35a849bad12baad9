"""Open files: as many as the clients need, or fewer clients, and some in reserve.

The rules:

- `maxclients` is a promise: the soft limit of open files is raised for it, and where that cannot be, it is lowered.
- What the server itself needs is left over, `RESERVE` descriptors at least, so that a client too many can be told so.
- Accepting never fails without end. One descriptor is kept open for nothing but to be closed when there is no other:
  then a client can be accepted, told, and closed. Where even that fails, nobody is accepted for `PAUSE_S` seconds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from typing import Any

import gevent
from gevent.server import StreamServer

from geventcache.base import errors
from geventcache.server import forks

RESERVE = 32
ROOM = 16  # for what the server opens, beside all that is open when it starts
PAUSE_S = 0.1
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def reserve_now() -> int:
    """How many descriptors are not for clients, to be asked before there are any."""
    return max(RESERVE, _count_open() + ROOM)


def make_room(clients: int, reserve: int) -> int:
    """Raise the soft limit of open files as far as so many clients need; return for how many of them there is room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = clients + reserve
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return clients
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(0, min(clients, soft - reserve))


def open_files() -> int:
    """The soft limit of open files."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _count_open() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:  # not Linux, or no descriptor is left
        return 0


class Acceptor(StreamServer):  # type: ignore[misc]
    """Accepts connections on one socket, whatever happens.

    Args:
        sock: it listens.
        handle: called with each connection, in a greenlet of its own.
        log: a structlog logger.
        is_tls: clients speak TLS, and cannot be told why they are not served.
    """

    max_accept = ROOM // 2  # accepted before the first of them is looked at

    def __init__(self, sock: Any, handle: Any, log: Any, is_tls: bool) -> None:
        super().__init__(sock, handle)
        self.log = log
        self.is_tls = is_tls
        self.spare = _open_spare()

    def do_read(self) -> Any:
        """Accept a connection; None if there is none, or it cannot be served."""
        try:
            return super().do_read()
        except OSError as error:
            if self.is_fatal_error(error):
                raise
            self.log.warning("not_accepted", reason=error.strerror or str(error))
            if error.errno not in EXHAUSTED or not self.turn_away():
                self.pause()
            return None

    def turn_away(self) -> bool:
        """Tell one client that there is no room for it; False if that is not possible."""
        if self.spare is None:
            return False
        forks.close_now(self.spare)
        try:
            sock, _ = super().do_read() or (None, None)
        except OSError:
            sock = None
        if sock is not None:
            if not self.is_tls:
                with contextlib.suppress(OSError):
                    sock.send(b"-%b\r\n" % errors.MAX_CLIENTS)
            sock.close()
        self.spare = _open_spare()
        return sock is not None

    def pause(self) -> None:
        """Accept nobody for a while: what could not be accepted would be announced without end."""
        self.stop_accepting()
        gevent.spawn_later(PAUSE_S, self.resume)

    def resume(self) -> None:
        """Accept again, unless the server has been closed."""
        if self.started:
            self.spare = _open_spare() if self.spare is None else self.spare
            self.start_accepting()

    def close(self) -> None:
        """Accept nobody any more."""
        super().close()
        spare, self.spare = self.spare, None
        if spare is not None:
            forks.close_now(spare)


def _open_spare() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
