"""Addresses to listen on, as ``--bind`` and the ``bind`` setting write them.

Forms: ``HOST``, ``HOST:PORT``, ``[IPv6]:PORT``, an IPv6 address without brackets or port, ``*`` for all interfaces,
``unix:PATH``; ``tls:`` before one with a host asks for TLS. A leading ``-`` means that the server may start without
it.
"""

from __future__ import annotations

from typing import NamedTuple

from geventcache.base.numbers import parse_integer

HIGHEST_PORT = 65535
_ANY_HOST = {"*": "0.0.0.0", "::*": "::"}


class Address(NamedTuple):
    """Where to listen: a host and a port (0 for a free one, None for the default), or the path of a unix socket.

    Attributes:
        is_optional: the server may start without it.
        is_tls: clients speak TLS.
    """

    host: str = ""
    port: int | None = None
    path: str = ""
    is_optional: bool = False
    is_tls: bool = False

    def __str__(self) -> str:
        """Return the form that `parse_address` reads."""
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "tls:" if self.is_tls else ""
        return scheme + (host if self.port is None else f"{host}:{self.port}")


def parse_address(text: bytes) -> Address:
    """Return the address in `text`; raise ValueError if it is none."""
    written = text.decode("utf-8", "surrogateescape")
    word = written.removeprefix("-")
    is_optional = word != written
    if word.startswith("unix:"):
        if len(word) == len("unix:"):
            raise ValueError(f"no path in address '{written}'")
        return Address(path=word.removeprefix("unix:"), is_optional=is_optional)
    is_tls = word.startswith("tls:")
    host, port_text = _host_and_port(word.removeprefix("tls:"))
    port = None if port_text is None else parse_integer(port_text.encode("utf-8", "surrogateescape"))
    if not host or (port_text is not None and (port is None or not 0 <= port <= HIGHEST_PORT)):
        raise ValueError(f"invalid address '{written}'")
    return Address(_ANY_HOST.get(host, host), port, is_optional=is_optional, is_tls=is_tls)


def _host_and_port(word: str) -> tuple[str, str | None]:
    if word.startswith("["):
        host, _, rest = word[1:].partition("]")
        return (host, rest[1:] if rest.startswith(":") else None) if rest[:1] in ("", ":") else ("", None)
    if word.count(":") != 1:
        return word, None
    host, _, port = word.partition(":")
    return host, port
