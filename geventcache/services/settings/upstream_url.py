"""The URL of an upstream: which servers hold the data, and how they are spoken to.

``valkey://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...][/DATABASE][?sentinel=NAME]``; ``valkeys`` (or ``rediss``) is with
TLS, ``redis`` the same as ``valkey``. Several addresses are several ways to the same cluster, or its sentinels.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from geventcache.base.numbers import parse_integer
from geventcache.services.settings.addresses import HIGHEST_PORT

DEFAULT_PORT = 6379
SENTINEL_PORT = 26379
PLAIN = ("valkey", "redis")
ENCRYPTED = ("valkeys", "rediss")


class Upstream(NamedTuple):
    """What the URL says.

    Attributes:
        places: hosts and ports to begin with.
        is_tls: they are spoken to by TLS.
        credentials: a user and a password, or only a password; empty for none.
        database: the one that is database 0 here.
        sentinel: the name of the primary that the places, which are sentinels, watch; empty if they are not.
    """

    places: tuple[tuple[str, int], ...]
    is_tls: bool = False
    credentials: tuple[bytes, ...] = ()
    database: int = 0
    sentinel: bytes = b""


def parse_upstream(text: bytes) -> Upstream:
    """Read a URL.

    Raises:
        ValueError: it is none; the message does not repeat it, since it may have a password.
    """
    parts = urlsplit(text.decode("utf-8", "surrogateescape"))
    if parts.scheme not in PLAIN + ENCRYPTED:
        raise ValueError("an upstream begins with valkey://, valkeys://, redis:// or rediss://")
    options = parse_qs(parts.query, keep_blank_values=True)
    if set(options) - {"sentinel"} or parts.fragment:
        raise ValueError("an upstream has no other option than sentinel")
    sentinel = options.get("sentinel", [""])[-1].encode("utf-8", "surrogateescape")
    said, _, hosts = parts.netloc.rpartition("@")
    default = SENTINEL_PORT if sentinel else DEFAULT_PORT
    places = tuple(place(word, default) for word in hosts.split(","))
    database = number(parts.path.strip("/") or "0")
    if database is None:
        raise ValueError("the path of an upstream is the number of a database")
    return Upstream(places, parts.scheme in ENCRYPTED, credentials(said), database, sentinel)


def credentials(text: str) -> tuple[bytes, ...]:
    """User and password, or only the latter, out of what stands before the ``@``."""
    user, colon, password = text.partition(":")
    if not colon:
        return (unquote_to_bytes(user),) if user else ()
    return (unquote_to_bytes(user), unquote_to_bytes(password)) if user else (unquote_to_bytes(password),)


def place(word: str, default: int) -> tuple[str, int]:
    """Host and port.

    Raises:
        ValueError: it is none.
    """
    host, port = word, ""
    if word.startswith("["):
        host, _, rest = word[1:].partition("]")
        port = rest.removeprefix(":")
    elif word.count(":") == 1:
        host, _, port = word.partition(":")
    found = number(port) if port else default
    if not host or not found or found > HIGHEST_PORT:
        raise ValueError("an upstream needs HOST:PORT, several with commas between them")
    return host, found


def number(text: str) -> int | None:
    """The number that a text is, None if it is none, or negative."""
    value = parse_integer(text.encode("utf-8", "surrogateescape"))
    return None if value is None or value < 0 else value
