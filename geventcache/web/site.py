"""The site: its addresses, its routes, its start and its end beside the server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from socket import socket
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from gevent import ssl
from gevent.pool import Pool
from gevent.socket import socket as green_socket

from geventcache.base.errors import CommandError
from geventcache.server import forks
from geventcache.server.listening import Listening, listen_on, remove_path
from geventcache.server.tls import Tls
from geventcache.services.observing import info
from geventcache.services.settings.addresses import Address, parse_address
from geventcache.web import access
from geventcache.web.browse import Browser
from geventcache.web.exposition import OPENMETRICS, PROMETHEUS, is_openmetrics, render
from geventcache.web.limits import CONNECTIONS, LimitedServer
from geventcache.web.live import live
from geventcache.web.metrics import families
from geventcache.web.pages import FILES, read_page

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
# A report is of its moment, is nobody else's to show, and is what it says it is.
HEADERS = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
]


class Answer(NamedTuple):
    """What a request is answered with."""

    body: str
    media: str = TEXT
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()


FORBIDDEN = Answer("Log in.\n", status="401 Unauthorized", headers=(("WWW-Authenticate", access.REALM),))
NOT_FOUND = Answer("There is no such page.\n", status="404 Not Found")
WRONG_METHOD = Answer("Only to be read.\n", status="405 Method Not Allowed", headers=(("Allow", "GET, HEAD"),))
NOT_WRITABLE = Answer("The setting http-writable is no.\n", status="403 Forbidden")
NO_CHANGE = Answer("This is no change.\n", status="400 Bad Request")
NOT_OURS = Answer("Not asked by this server's page.\n", status="403 Forbidden")
FAILED = Answer("This failed; the log of the server tells why.\n", status="500 Internal Server Error")


class Site:
    """What is served over HTTP; a companion of a server, which starts and stops it.

    Attributes:
        addresses: what it listens on, as soon as it has started.
        descriptors: how many open files it needs.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.descriptors = CONNECTIONS + len(server.config["http"])
        self.place: dict[str, int] = {}
        self.config = server.config
        self.log = server.log
        self.addresses: list[Address] = []
        self.listeners: list[LimitedServer] = []
        self.pool = Pool(CONNECTIONS)
        self.reports: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "/metrics": self.metrics,
            "/info.json": self.information,
            "/live.json": self.live,
            **{path: partial(self.file, name, media) for path, (name, media) in FILES.items()},
        }
        self.lists: dict[str, Callable[[Browser, Mapping[str, str]], dict[str, Any]]] = {
            "/keys.json": Browser.keys,
            "/value.json": Browser.value,
            "/clients.json": Browser.clients,
            "/slow.json": Browser.slow,
        }
        # The page gets it, and shows by it that a change is asked for by nobody else.
        self.token = secrets.token_urlsafe()

    # ------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Listen and serve.

        Raises:
            OSError: an address is taken, or the certificates cannot be read.
        """
        wanted = [parse_address(word) for word in self.config["http"]]
        tls = Tls(self.config, self.log, ssl.SSLContext) if any(one.is_tls for one in wanted) else None
        for sock, address in listen_on(wanted, self.config, self.log):
            self.listen(sock, tls if address.is_tls else None)
            self.addresses.append(address)
            self.log.info("listening_http", address=str(address))

    def listen(self, sock: socket, tls: Tls | None) -> None:
        """Serve at a socket, which is the site's from now on."""
        listener = LimitedServer(green_socket(fileno=sock.detach()), self.serve, self.pool, tls)
        listener.start()
        self.listeners.append(listener)

    def stop(self) -> None:
        """Close all connections, and listen no more."""
        for listener in self.listeners:
            listener.close()
        self.pool.kill(block=False)
        for address in self.addresses:
            remove_path(address)
        self.listeners.clear()

    def abandon(self, is_own_hub: bool) -> None:
        """In a forked process: the listening sockets are the other's."""
        for listener in self.listeners:
            if is_own_hub:
                listener.stop_accepting()
            forks.let_go(listener.socket)
        self.listeners.clear()

    # ------------------------------------------------------------------ requests

    def serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            answer = self.answer(environ)
        except Exception as error:  # a defect must not be told to whoever asks
            self.log.error("http_failed", path=environ["PATH_INFO"][:100], error=repr(error), exc_info=error)
            answer = FAILED
        body = answer.body.encode()
        headers = [("Content-Type", answer.media), ("Content-Length", str(len(body))), *HEADERS, *answer.headers]
        start_response(answer.status, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """What a request is answered with."""
        path = environ["PATH_INFO"]
        if path == "/change" and environ["REQUEST_METHOD"] == "POST":
            return self.change(environ)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return WRONG_METHOD
        if path == "/health/live":
            return Answer("live\n")
        if path == "/health/ready":
            return self.readiness()
        self.server.state.clock.update()
        visitor = access.visitor_of(self.server.state, environ)
        if not visitor.may_look:
            return FORBIDDEN
        if path in self.lists:
            query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, errors="surrogateescape"))
            return self.browse(visitor, lambda browser: self.lists[path](browser, query))
        report = self.reports.get(path)
        return NOT_FOUND if report is None else report(environ)

    def browse(self, visitor: access.Visitor, look: Callable[[Browser], dict[str, Any]]) -> Answer:
        """What a visitor's commands have found."""
        if not visitor.may_read:
            return FORBIDDEN
        browser = Browser(self.server, visitor.client)
        browser.begin()
        try:
            return Answer(json.dumps(look(browser)), JSON)
        except CommandError as error:
            if visitor.client.needs_auth:
                return FORBIDDEN
            return Answer(error.text.decode("utf-8", "replace"), status="403 Forbidden")
        except (ValueError, KeyError) as error:
            return Answer(f"{error}\n", status="400 Bad Request")
        finally:
            self.server.end_turn()

    def change(self, environ: Mapping[str, Any]) -> Answer:
        """Change a key, if that is allowed and the page of this server has asked for it."""
        if not self.config["http-writable"]:
            return NOT_WRITABLE
        if not access.is_own_page(environ, self.token):
            return NOT_OURS
        self.server.state.clock.update()
        visitor = access.visitor_of(self.server.state, environ)
        if not visitor.may_look:
            return FORBIDDEN
        try:
            wanted = json.loads(environ["wsgi.input"].read())
        except ValueError:
            return NO_CHANGE
        return self.browse(visitor, lambda browser: browser.change(wanted)) if isinstance(wanted, dict) else NO_CHANGE

    def live(self, environ: Mapping[str, Any]) -> Answer:
        """What the charts of the page show."""
        told = {**live(self.server), "is_writable": self.config["http-writable"], "token": self.token, **self.place}
        return Answer(json.dumps(told), JSON)

    def file(self, name: str, media: str, environ: Mapping[str, Any]) -> Answer:
        """A part of the page."""
        return Answer(read_page(name), media)

    def readiness(self) -> Answer:
        """Does it serve clients?"""
        reason = self.obstacle()
        return Answer(f"{reason}\n", status="503 Service Unavailable") if reason else Answer("ready\n")

    def obstacle(self) -> str:
        """Why clients are not served; empty if they are."""
        if self.server.is_stopping or self.server.stopping.is_set():
            return "stopping"
        if self.server.state.snapshots.is_loading:
            return "loading"
        primary = self.server.state.replication.primary
        return "" if primary is None or primary.has_data else "a replica without the data of its primary"

    def metrics(self, environ: Mapping[str, Any]) -> Answer:
        """All metrics, in the format that is asked for."""
        openmetrics = is_openmetrics(environ.get("HTTP_ACCEPT", ""))
        return Answer(render(families(self.server), openmetrics), OPENMETRICS if openmetrics else PROMETHEUS)

    def information(self, environ: Mapping[str, Any]) -> Answer:
        """All sections of INFO."""
        state = self.server.state
        sections = {name.decode(): dict(section.fields(state)) for name, section in info.SECTIONS.items()}
        return Answer(json.dumps(sections, default=str), JSON)


class WorkerSite(Site):
    """The site of one of several workers, which their front asks; it judges visitors as if they had come to it.

    Args:
        listening: a unix socket in a folder that nobody else can enter.
        worker: its number; workers: how many there are.
    """

    def __init__(self, server: Any, listening: Listening, worker: int, workers: int) -> None:
        super().__init__(server)
        self.listening = listening
        self.place = {"worker": worker, "workers": workers}

    def start(self) -> None:
        """Serve the front. What the socket has left in the file system is the master's."""
        self.listen(self.listening[0], None)

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """What a visitor's request is answered with, who has come to the front."""
        host, _, port = environ.get("HTTP_X_VISITOR_ADDRESS", "").partition(" ")
        return super().answer({**environ, "REMOTE_ADDR": host, "REMOTE_PORT": port} if host else environ)
