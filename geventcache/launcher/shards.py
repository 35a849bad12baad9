"""What each worker gets from its master: listening sockets, a place in the cluster, an end of the bus, and of the site.

Rules: everything is made before the first worker is, and stays open in the master, so that a worker that is started
again is found where the one before it was. Clients that come meanwhile wait for it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from geventcache.server.listening import ListenError, Listening, address_of, close_all, listen_on
from geventcache.services.settings.addresses import Address, parse_address
from geventcache.services.settings.binding import shard_addresses
from geventcache.services.settings.config import Config
from geventcache.services.shards.cluster import Topology, make_nodes


@dataclass(frozen=True)
class Shard:
    """One worker's part.

    Attributes:
        index: its number, from 0 on.
        sockets: what it listens on.
        topology: all shards, and which of them it is.
        bus: the socket that other workers reach it by, and the paths of those of all workers.
        site: the socket that the front of all workers' sites reaches its own by; None when there is none.
    """

    index: int
    sockets: list[Listening]
    topology: Topology
    bus: tuple[socket.socket, list[str]]
    site: Listening | None = None

    def sockets_of_all(self) -> list[socket.socket]:
        """All that it has open."""
        sites = [self.site] if self.site is not None else []
        return [self.bus[0], *(sock for sock, _ in (*self.sockets, *sites))]


class Shards:
    """All workers' parts, open in the master until `close`.

    Attributes:
        paths: what they have in the file system.
        front: what the site of all workers listens on, nothing when there is none; site_paths: where it asks them.
    """

    def __init__(self, config: Config, log: Any, inherited: Sequence[socket.socket] = ()) -> None:
        """Listen for all workers, or hand one of the `inherited` listening sockets to each.

        Raises:
            OSError: an address cannot be listened on, or there are not as many sockets as workers; nothing is left
                behind then.
        """
        with contextlib.ExitStack() as stack:
            sockets = _deal(inherited, config["workers"]) if inherited else _listen(config, log, stack)
            folder = tempfile.mkdtemp(prefix="geventcache-")
            stack.callback(_remove_folder, folder)
            paths = [os.path.join(folder, str(i)) for i in range(config["workers"])]
            buses = listen_on([Address(path=path) for path in paths], config, log)
            stack.callback(close_all, buses)
            ids = [secrets.token_hex(20).encode() for _ in paths]
            nodes = make_nodes(ids, [_node_address(i, listed) for i, listed in enumerate(sockets)])
            self.front = listen_on(map(parse_address, config["http"]), config, log)
            stack.callback(close_all, self.front)
            self.site_paths = [f"{path}.http" for path in paths] if self.front else []
            sites = listen_on([Address(path=path) for path in self.site_paths], config, log)
            stack.callback(close_all, sites)
            self._shards = [
                Shard(i, listed, Topology(nodes, i), (bus, paths), site)
                for i, (listed, (bus, _), site) in enumerate(zip_longest(sockets, buses, sites))
            ]
            self.paths = [Path(folder), *map(Path, paths), *map(Path, self.site_paths)]
            self._stack = stack.pop_all()
        self._process = os.getpid()

    def take(self, index: int) -> Shard:
        """Return a worker's part, in its process: those of the others are closed there."""
        self._keep_none_but(index)
        for sock, _ in self.front:
            sock.close()
        return self._shards[index]

    def take_front(self) -> list[Listening]:
        """Return what the site of all workers listens on, in its process: the workers' sockets are closed there."""
        self._keep_none_but(-1)
        return self.front

    def _keep_none_but(self, index: int) -> None:
        for shard in self._shards:
            if shard.index != index:
                for sock in shard.sockets_of_all():
                    sock.close()

    def close(self) -> None:
        """Listen no more and leave nothing behind; may be called twice. What a hook has forked must not do that."""
        if os.getpid() == self._process:
            self._stack.close()


def _listen(config: Config, log: Any, stack: contextlib.ExitStack) -> list[list[Listening]]:
    found = []
    for addresses in shard_addresses(config):
        sockets = listen_on(addresses, config, log)
        stack.callback(close_all, sockets)
        found.append(sockets)
    return found


def _deal(inherited: Sequence[socket.socket], count: int) -> list[list[Listening]]:
    """One of the sockets that somebody else has bound for each worker."""
    if len(inherited) != count:
        raise ListenError(f"{count} workers need as many sockets from systemd, not {len(inherited)}")
    return [[(sock, address_of(sock))] for sock in inherited]


def _node_address(index: int, sockets: Sequence[Listening]) -> tuple[str, int]:
    """Where clients are sent to: a port without TLS, if there is one."""
    ports = sorted((address for _, address in sockets if not address.path), key=lambda address: address.is_tls)
    if not ports:
        raise ListenError(f"worker {index} has no port that clients could be sent to")
    return ports[0].host, ports[0].port or 0


def _remove_folder(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder)
