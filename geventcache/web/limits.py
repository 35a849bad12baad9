"""What one HTTP client may take: a connection among few, some kilobytes, some seconds, some milliseconds of the core.

The rules:

- At most `CONNECTIONS` are open; those beyond wait in the kernel, where they cost the server nothing.
- A request, body included, is `REQUEST_BYTES` at most, and has to be complete, answered and taken within `REQUEST_S`.
- After each answer a connection rests for `REST_S`. So all of them together get so many answers a second, whatever
  they send, and whoever speaks RESP is served in between.
- Nothing that a client sends is written to a log.
"""

from __future__ import annotations

from typing import Any

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

CONNECTIONS = 32
REQUEST_BYTES = 16 * 1024
REQUEST_S = 10.0
REST_S = 0.05
READ_BYTES = 4096


class LimitedFile:
    """The input of a connection, which ends after so many bytes a request.

    Attributes:
        left: how many bytes of the current request may still come.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = REQUEST_BYTES

    @property
    def closed(self) -> bool:
        """Whether the connection was closed."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def readline(self, size: int = -1) -> bytes:
        """Return a line, or what of it is within the limit."""
        return self._count(self._file.readline(self._most(size)))

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or what of them is within the limit."""
        return self._count(self._file.read(self._most(size)))

    def _most(self, size: int) -> int:
        return self.left if size < 0 else min(size, self.left)

    def _count(self, data: bytes) -> bytes:
        self.left -= len(data)
        return data


class LimitedHandler(WSGIHandler):  # type: ignore[misc]
    """One connection."""

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        super().__init__(sock, address, server, LimitedFile(sock.makefile("rb", READ_BYTES)))

    def handle_one_request(self) -> Any:
        """Handle a request within its limits, then rest."""
        self.rfile.left = REQUEST_BYTES
        result = None
        with gevent.Timeout(REQUEST_S, False):
            result = super().handle_one_request()
        gevent.sleep(REST_S)
        return result

    def read_request(self, raw_requestline: str) -> bool:
        """Read the headers, and refuse what would have to be read and thrown away.

        Raises:
            ValueError: the request is none, or too large.
        """
        super().read_request(raw_requestline)
        if self.rfile.left <= 0 or "transfer-encoding" in self.headers or self.headers.get("expect"):
            raise ValueError("request too large")
        if (self.content_length or 0) > (self.rfile.left if self.command == "POST" else 0):
            raise ValueError("body too large")
        return True

    def log_error(self, msg: Any, *args: Any) -> None:
        """Say nothing."""

    def log_request(self) -> None:
        """Say nothing."""

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """The connection has gone, or its time is over: the application's own errors do not come here."""
        self.close_connection = True


class LimitedServer(WSGIServer):  # type: ignore[misc]
    """Serves one address.

    Args:
        sock: it listens.
        application: a WSGI application, which never waits.
        pool: of the greenlets of all addresses.
        tls: has the `context` of new connections; None for none.
    """

    def __init__(self, sock: Any, application: Any, pool: Pool, tls: Any) -> None:
        # The name is never asked for: looking it up could wait for a name server.
        environ = {"SERVER_NAME": "localhost", "wsgi.multithread": False}
        super().__init__(
            sock, application, spawn=pool, log=None, error_log=None, handler_class=LimitedHandler, environ=environ
        )
        self.tls = tls

    def handle(self, sock: Any, address: Any) -> None:
        """Serve a connection, in a greenlet of its own."""
        if self.tls is not None:
            stream = None
            try:
                with gevent.Timeout(REQUEST_S, False):
                    stream = self.tls.context.wrap_socket(sock, server_side=True)
            except OSError:
                return
            if stream is None:
                return
            sock = stream
        try:
            super().handle(sock, address)
        except OSError:
            return
        finally:
            sock.close()
