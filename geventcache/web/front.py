"""The site of several workers: one address that answers for all of them.

The rules:

- It keeps nothing and decides nothing: each worker has a site of its own behind a unix socket in a private folder,
  which is asked with what the visitor has sent, and told where that came from. So who may see what is judged there.
- What is one for all (metrics, health, INFO, the workers side by side) is asked of all at once and put together. The
  rest is of one worker, of that which the query names by `worker`, else of the first one.
- A worker that does not answer within `PATIENCE_S` is told as one that is not there; the others are shown.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote

import gevent
from gevent import socket, ssl
from gevent.pool import Pool

from geventcache.server.listening import Listening, remove_path
from geventcache.server.tls import Tls
from geventcache.services.settings.config import Config
from geventcache.web.exposition import GAUGE, OPENMETRICS, PROMETHEUS, by_label, is_openmetrics, merge, render
from geventcache.web.limits import CONNECTIONS, REQUEST_BYTES, LimitedServer

PATIENCE_S = 5.0
VISITOR = "X-Visitor-Address"
# What a worker's site goes by, and what of its answer the visitor does not get.
ASKED = ("Authorization", "Accept", "Origin", "Sec-Fetch-Site", "X-Page-Token")
UNTOLD = ("connection", "content-length", "date", "transfer-encoding", "keep-alive")
JSON = "application/json"
UNAVAILABLE = "503 Service Unavailable"


class Reply(NamedTuple):
    """What a worker's site has answered."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_good(self) -> bool:
        """Has it answered what it was asked for?"""
        return self.status.startswith("200")


class UnixConnection(http.client.HTTPConnection):
    """A connection to a worker's site."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Front:
    """Serves the addresses of all.

    Args:
        listening: what it listens on; the sockets are its own from now on.
        paths: the unix sockets of the workers' sites, in their order.
    """

    def __init__(self, config: Config, log: Any, listening: Sequence[Listening], paths: Sequence[str]) -> None:
        self.log = log
        self.paths = paths
        self.addresses = [address for _, address in listening]
        tls = Tls(config, log, ssl.SSLContext) if any(address.is_tls for address in self.addresses) else None
        pool = Pool(CONNECTIONS)
        self.listeners = [
            LimitedServer(socket.socket(fileno=sock.detach()), self.serve, pool, tls if address.is_tls else None)
            for sock, address in listening
        ]
        self.whole: dict[str, Callable[[Mapping[str, Any]], Reply]] = {
            "/health/live": self.liveness,
            "/health/ready": self.readiness,
            "/metrics": self.metrics,
            "/info.json": self.by_worker,
            "/workers.json": self.workers,
        }

    def start(self) -> None:
        """Serve."""
        for listener, address in zip(self.listeners, self.addresses, strict=True):
            listener.start()
            self.log.info("listening_http", address=str(address))

    def leave(self) -> None:
        """Leave nothing behind in the file system: nobody will listen there again."""
        for address in self.addresses:
            remove_path(address)

    # ------------------------------------------------------------------ requests

    def serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            status, headers, body = self.whole.get(environ["PATH_INFO"], self.one)(environ)
        except Exception as error:  # a defect must not be told to whoever asks
            self.log.error("http_failed", path=environ["PATH_INFO"][:100], error=repr(error), exc_info=error)
            status, headers, body = text("500 Internal Server Error", "This failed; the log of the server tells why.\n")
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def one(self, environ: Mapping[str, Any]) -> Reply:
        """What one worker answers."""
        (word,) = parse_qs(environ["QUERY_STRING"]).get("worker", ["0"])[:1]
        worker = int(word) if word.isdecimal() and len(word) < 6 else len(self.paths)
        if worker >= len(self.paths):
            return text("400 Bad Request", "There is no such worker.\n")
        reply = ask(self.paths[worker], environ)
        return reply or text(UNAVAILABLE, f"Worker {worker} does not answer.\n")

    def all(self, environ: Mapping[str, Any], path: str = "") -> list[Reply | None]:
        """What all workers answer; None of one that does not."""
        asking = [gevent.spawn(ask, one, environ, path) for one in self.paths]
        gevent.joinall(asking)
        return [one.value for one in asking]

    def liveness(self, environ: Mapping[str, Any]) -> Reply:
        """Does the process run? The master does too, which it would not outlive."""
        return text("200 OK", "live\n")

    def readiness(self, environ: Mapping[str, Any]) -> Reply:
        """Do all workers serve clients?"""
        reasons = [
            f"worker {i}: {told.body.decode().strip() if told else 'no answer'}"
            for i, told in enumerate(self.all(environ))
            if told is None or not told.is_good
        ]
        return text(UNAVAILABLE, "\n".join(reasons) + "\n") if reasons else text("200 OK", "ready\n")

    def metrics(self, environ: Mapping[str, Any]) -> Reply:
        """The metrics of all workers, each labelled by its number."""
        told = self.all(environ)
        if (refusal := refused(told)) is not None:
            return refusal
        openmetrics = is_openmetrics(environ.get("HTTP_ACCEPT", ""))
        up = {str(i): int(one is not None and one.is_good) for i, one in enumerate(told)}
        own = by_label("geventcache_worker_up", GAUGE, "Whether a worker has answered.", "worker", up)
        pages = {i: one.body.decode() for i, one in enumerate(told) if one is not None and one.is_good}
        merged = merge(pages, "worker") + render([own], openmetrics)
        return Reply("200 OK", [("Content-Type", OPENMETRICS if openmetrics else PROMETHEUS)], merged.encode())

    def by_worker(self, environ: Mapping[str, Any], path: str = "") -> Reply:
        """What all workers tell as JSON, in a list; null of one that does not answer."""
        told = self.all(environ, path)
        if (refusal := refused(told)) is not None:
            return refusal
        found = [json.loads(one.body) if one is not None and one.is_good else None for one in told]
        return Reply("200 OK", [("Content-Type", JSON), ("Cache-Control", "no-store")], json.dumps(found).encode())

    def workers(self, environ: Mapping[str, Any]) -> Reply:
        """A look at all workers, side by side."""
        return self.by_worker(environ, "/live.json")


def ask(path: str, environ: Mapping[str, Any], page: str = "") -> Reply | None:
    """Ask a worker's site for what a visitor has asked for, or for another page; None when it does not answer."""
    named = ((name, environ.get("HTTP_" + name.upper().replace("-", "_"))) for name in ASKED)
    headers = {name: value for name, value in named if value is not None}
    headers["Host"] = environ.get("HTTP_HOST", "")
    if "REMOTE_ADDR" in environ:
        headers[VISITOR] = f"{environ['REMOTE_ADDR']} {environ.get('REMOTE_PORT', 0)}"
    method, body = "GET" if page else environ["REQUEST_METHOD"], None
    if method == "POST":
        body = environ["wsgi.input"].read(REQUEST_BYTES)
        headers["Content-Type"] = environ.get("CONTENT_TYPE", "")
    query = environ["QUERY_STRING"]
    target = page or quote(environ["PATH_INFO"], "/", "latin-1") + (f"?{query}" if query else "")
    connection = UnixConnection(path)
    try:
        connection.request(method, target, body, headers)
        found = connection.getresponse()
        shown = [(name, value) for name, value in found.getheaders() if name.lower() not in UNTOLD]
        return Reply(f"{found.status} {found.reason}", shown, found.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def refused(told: Iterable[Reply | None]) -> Reply | None:
    """The first answer by which a worker has refused to be looked at."""
    return next((one for one in told if one is not None and one.status[:3] in ("401", "403", "405")), None)


def text(status: str, words: str) -> Reply:
    """An answer in words."""
    return Reply(status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")], words.encode())
