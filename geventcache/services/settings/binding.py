"""Where the server, and where each of several workers, listens by the settings."""

from __future__ import annotations

from geventcache.services.settings.addresses import HIGHEST_PORT, Address, parse_address
from geventcache.services.settings.config import Config


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
