"""Listening sockets: bound where the settings say, for this process or for those that it will fork.

Nothing here knows gevent: the sockets are plain ones, and whoever serves them takes them over.
"""

from __future__ import annotations

import contextlib
import grp
import os
import socket
import stat
from collections.abc import Iterable
from typing import Any

from geventcache.services.settings.addresses import Address
from geventcache.services.settings.config import Config

Listening = tuple[socket.socket, Address]

OWN_GROUP = -1  # leaves the process's


class ListenError(OSError):
    """An address cannot be listened on; the message says which and why."""


def listen_on(addresses: Iterable[Address], config: Config, log: Any) -> list[Listening]:
    """Return a listening socket for each address, with the address as it has become: real ports included.

    Raises:
        ListenError: the system refuses one that is not optional; nothing is listened on then.
    """
    found: list[Listening] = []
    for address in addresses:
        try:
            sock = _bind(address, config)
        except OSError as error:
            reason = f"cannot listen on {address}: {error.strerror or error}"
            if not address.is_optional:
                close_all(found)
                raise ListenError(reason) from None
            log.warning("not_listening", address=str(address), reason=reason)
        else:
            found.append((sock, address_of(sock)._replace(is_tls=address.is_tls)))
    return found


def _bind(address: Address, config: Config) -> socket.socket:
    if address.path:
        _remove_stale_socket(address.path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    permissions = config["unixsocketperm"] if address.path else 0
    try:
        group = _socket_group(config) if address.path else OWN_GROUP
        if permissions:
            os.fchmod(sock.fileno(), permissions)  # what it has from the first moment on, less the umask
        sock.bind(address.path or (address.host, address.port))
        if group != OWN_GROUP:
            os.chown(address.path, -1, group)
        if permissions:
            os.chmod(address.path, permissions)
        sock.listen(config["tcp-backlog"])
    except OSError:
        sock.close()
        raise
    return sock


def _socket_group(config: Config) -> int:
    """The number of the group that unix sockets are given to."""
    name = config["unixsocketgroup"]
    return group_of(os.fsdecode(name)) if name else OWN_GROUP


def group_of(name: str) -> int:
    """The number of a group; raise OSError if there is none of that name."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise OSError(f"there is no group {name}") from None


def _remove_stale_socket(path: str) -> None:
    """Remove a unix socket that nobody listens on any more. Other files stay: they are no sockets of ours."""
    if not _is_socket(path):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass


def _is_socket(path: str) -> bool:
    """Is there a unix socket, and not a link to one?"""
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def address_of(sock: socket.socket) -> Address:
    """Where a socket is bound."""
    name = sock.getsockname()
    return Address(path=os.fsdecode(name)) if sock.family == socket.AF_UNIX else Address(*name[:2])


def close_all(sockets: Iterable[Listening]) -> None:
    """Listen no more, and leave no unix sockets behind."""
    for sock, address in sockets:
        sock.close()
        remove_path(address)


def remove_path(address: Address) -> None:
    """Remove what a unix socket has left in the file system."""
    if address.path and _is_socket(address.path):
        with contextlib.suppress(OSError):
            os.unlink(address.path)


def name_of(address: Any) -> bytes:
    """An address of the internet as text."""
    host, port = address[:2]
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
