"""What each worker gets from its master: listening sockets, a place in the cluster, an end of the bus.

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
from pathlib import Path
from typing import Any

from geventcache.server.listening import ListenError, Listening, address_of, close_all, listen_on
from geventcache.services.addresses import Address, shard_addresses
from geventcache.services.cluster import Topology, make_nodes
from geventcache.services.config import Config


@dataclass(frozen=True)
class Shard:
    """One worker's part.

    Attributes:
        index: its number, from 0 on.
        sockets: what it listens on.
        topology: all shards, and which of them it is.
        bus: the socket that other workers reach it by, and the paths of those of all workers.
    """

    index: int
    sockets: list[Listening]
    topology: Topology
    bus: tuple[socket.socket, list[str]]


class Shards:
    """All workers' parts, open in the master until `close`."""

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
            self._shards = [
                Shard(i, listed, Topology(nodes, i), (bus, paths))
                for i, (listed, (bus, _)) in enumerate(zip(sockets, buses, strict=True))
            ]
            self.paths = [Path(folder), *map(Path, paths)]
            self._stack = stack.pop_all()
        self._process = os.getpid()

    def take(self, index: int) -> Shard:
        """Return a worker's part, in its process: those of the others are closed there."""
        for shard in self._shards:
            if shard.index != index:
                for sock, _ in shard.sockets:
                    sock.close()
                shard.bus[0].close()
        return self._shards[index]

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
