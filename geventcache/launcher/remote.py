"""Another server, as `geventcache handover` speaks to it: one connection, and what it tells of itself."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis

from geventcache.resp.frames import pack

DEFAULT_PORT = 6379
PATIENCE_S = 10.0
OURS, VALKEY, REDIS = "geventcache", "Valkey", "Redis"
# From which version on a Redis writes, and reads, files of which version.
FILES_OF_REDIS = (((7, 4), 12), ((7, 2), 11), ((7, 0), 10), ((5, 0), 9))
OLDEST_FILE = 8
FIELD_DEADLINES_SINCE = {REDIS: (7, 4), VALKEY: (9, 0)}


class RemoteError(Exception):
    """A server cannot be reached, or refuses what is asked for; the text says which and why."""


class Place:
    """Where a server is, and as whom it is asked.

    Attributes:
        host, port: its address.
        user, password: empty for none.
    """

    def __init__(self, text: str) -> None:
        """Read HOST:PORT, or redis://user:password@HOST:PORT.

        Raises:
            ValueError: it is neither.
        """
        parts = urlsplit(text if "://" in text else f"redis://{text}")
        if parts.scheme != "redis" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{text!r} is no HOST:PORT")
        self.host = parts.hostname
        self.port = parts.port or DEFAULT_PORT
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Remote:
    """A server.

    Attributes:
        place: where it is.
        make, version: what it is.
    """

    def __init__(self, place: Place) -> None:
        """Connect.

        Raises:
            RemoteError: that is not possible.
        """
        self.place = place
        self.reader = hiredis.Reader()
        try:
            self.sock = socket.create_connection((place.host, place.port), PATIENCE_S)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise RemoteError(f"{place}: {error}") from None
        if place.password:
            self.ask("AUTH", *((place.user,) if place.user else ()), place.password)
        facts = self.facts("server")
        self.make, text = make_of(facts)
        self.version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
        self.shown = f"{self.make} {text} at {place}"

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def ask(self, *words: str | int) -> Any:
        """Send a request and return its reply.

        Raises:
            RemoteError: it is an error, or does not come.
        """
        try:
            self.sock.sendall(pack(tuple(str(word).encode() for word in words)))
            while (reply := self.reader.gets()) is False:
                data = self.sock.recv(1 << 16)
                if not data:
                    raise ConnectionResetError("it has closed the connection")
                self.reader.feed(data)
        except (OSError, hiredis.ProtocolError) as error:
            raise RemoteError(f"{self.place}: {words[0]}: {error}") from None
        if isinstance(reply, Exception):
            raise RemoteError(f"{self.place}: {words[0]}: {reply}")
        return reply

    def facts(self, section: str) -> dict[str, str]:
        """A section of INFO."""
        lines = self.ask("INFO", section).decode(errors="replace").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def setting(self, name: str) -> str:
        """The value of a setting; empty if there is none of that name."""
        found = self.ask("CONFIG", "GET", name)
        return found[1].decode(errors="surrogateescape") if len(found) == 2 else ""

    # ------------------------------------------------------------------ files

    def writes_file(self) -> int:
        """The version of the file that it sends its replicas."""
        if self.make == REDIS:
            return next((file for version, file in FILES_OF_REDIS if self.version >= version), OLDEST_FILE)
        return 11 if self.make == VALKEY else 10

    def reads_file(self) -> int:
        """The newest version of files that it reads."""
        return 12 if self.make == OURS else self.writes_file()

    def can_follow(self, primary: Remote) -> bool:
        """Does it read the file that another server sends?"""
        return primary.writes_file() <= self.reads_file()

    def knows_field_deadlines(self) -> bool:
        """Do fields of hashes have deadlines there?"""
        return self.version >= FIELD_DEADLINES_SINCE.get(self.make, (0,))


def make_of(facts: dict[str, str]) -> tuple[str, str]:
    """What a server is, and its version."""
    if "geventcache_version" in facts:
        return OURS, facts["geventcache_version"]
    if "valkey_version" in facts:
        return VALKEY, facts["valkey_version"]
    return REDIS, facts.get("redis_version", "0.0")
