"""Addresses to listen on, as ``--bind`` and the ``bind`` setting write them.

Forms: ``HOST``, ``HOST:PORT``, ``[IPv6]:PORT``, an IPv6 address without brackets or port, ``*`` for all interfaces,
``unix:PATH``; ``tls:`` before one with a host asks for TLS. A leading ``-`` means that the server may start without
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from geventcache.base.numbers import parse_integer

if TYPE_CHECKING:
    from geventcache.services.config import Config

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


def listen_addresses(config: Config) -> list[Address]:
    """Return all addresses that the settings ask for, ports filled in."""
    addresses = [parse_address(word) for word in config["bind"]]
    if config["unixsocket"]:
        addresses.append(Address(path=config["unixsocket"].decode("utf-8", "surrogateescape")))
    return [one for address in addresses for one in _with_ports(address, config["port"], config["tls-port"])]


def _with_ports(address: Address, port: int, tls_port: int) -> list[Address]:
    """An address with its port, or with those of the settings: only that for TLS if `port` is 0 and `tls_port` not."""
    if address.path or address.port is not None:
        return [address]
    if address.is_tls:
        return [address._replace(port=tls_port)]
    plain = [address._replace(port=port)] if port or not tls_port else []
    return plain + ([address._replace(port=tls_port, is_tls=True)] if tls_port else [])


def shard_addresses(config: Config) -> list[list[Address]]:
    """Return where each worker listens: worker i is i ports further than the settings say, and at PATH.i.

    As many bound addresses with ports as workers are one worker's each. Port 0 takes a free one for each.

    Raises:
        ValueError: there is no address, no port that clients could be sent to, or none that is high enough.
    """
    count = config["workers"]
    addresses = listen_addresses(config)
    if not addresses:
        raise ValueError("no address to listen on")
    if count == 1:
        return [addresses]
    if all(address.path for address in addresses):
        raise ValueError("several workers need a port that clients could be sent to")
    bound = [address for address in map(parse_address, config["bind"]) if not address.path]
    is_one_each = len(bound) == count and all(address.port is not None for address in bound)
    own, common = (bound, [one for one in addresses if one.path]) if is_one_each else ([], addresses)
    return [[*own[i : i + 1], *(_shifted(address, i) for address in common)] for i in range(count)]


def _shifted(address: Address, by: int) -> Address:
    if address.path:
        return address._replace(path=f"{address.path}.{by}") if by else address
    port = (address.port or 0) + by
    if port > HIGHEST_PORT:
        raise ValueError(f"{address} is too high a port: worker {by} would have {port}")
    return address._replace(port=port) if address.port else address
