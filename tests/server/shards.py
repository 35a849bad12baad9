"""Shards without their launcher: ``python -m tests.server.shards 2`` runs two servers with a bus on one hub.

It writes a line of JSON with their addresses as soon as they serve.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import tempfile
from pathlib import Path

import gevent

from geventcache.embedding.settings import embedded_log
from geventcache.server.app import Server
from geventcache.server.listening import address_of
from geventcache.services.cluster import Topology, make_nodes
from geventcache.services.config import Config


def listening(family: int, address: tuple[str, int] | str) -> socket.socket:
    """A socket that listens."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen(511)
    return sock


def main(count: int) -> None:
    """Serve until the process is ended."""
    sockets = [listening(socket.AF_INET, ("127.0.0.1", 0)) for _ in range(count)]
    nodes = make_nodes([secrets.token_hex(20).encode() for _ in sockets], [sock.getsockname() for sock in sockets])
    with tempfile.TemporaryDirectory(prefix="shards-") as folder:
        paths = [str(Path(folder, f"bus{own}")) for own in range(count)]
        for own, sock in enumerate(sockets):
            bus = listening(socket.AF_UNIX, paths[own]), paths
            Server(Config(), embedded_log(), topology=Topology(nodes, own), bus=bus).start([(sock, address_of(sock))])
        print(json.dumps([(node.host, node.port) for node in nodes]), flush=True)
        gevent.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
