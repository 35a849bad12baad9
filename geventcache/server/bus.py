"""The bus: what clients publish at one shard reaches those who listen at the others.

Each shard listens on a unix socket. A message is sent to it as a RESP array of channel and message; nothing comes back.
The rules:

- A client never waits for another shard: what it publishes is added to the links' backlogs, which greenlets send.
- A shard that does not read misses what exceeds `BACKLOG_LIMIT`; one line in the log says so, at most every
  `WARNING_S` seconds.
- A link is made by the first message. One that broke is made anew, and what was being sent goes again: the shard at its
  end has begun anew, so it has heard nothing of it.
- Messages are taken in small pieces, with a turn of the loop between them: shards that send without end leave room for
  clients.
- Shard channels and keyspace events stay where they are, as in Redis Cluster.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from typing import Any, Protocol

import gevent
from gevent.event import Event
from gevent.server import StreamServer
from gevent.socket import socket as green_socket

from geventcache.server import forks
from geventcache.server.slices import TINY_SECONDS
from geventcache.services.pubsub import bulk

BACKLOG_LIMIT = 32 << 20
WARNING_S = 10.0
PIECE_BYTES = 8192


class Host(Protocol):
    """What the bus needs of the server of its shard.

    Attributes:
        state: has a topology.
        engine: is told that time goes on.
        log: for what is dropped.
        buffer: what is received goes through it.
    """

    state: Any
    engine: Any
    log: Any
    buffer: bytearray

    def new_reader(self) -> Any:
        """A reader of requests."""

    def end_turn(self) -> None:
        """Send what is to be sent."""


class Link:
    """The way of messages to one other shard.

    Attributes:
        node_id: the shard's.
        created_ms: when it was connected, 0 while it is not.
        backlog, size: messages that wait, and their bytes.
        sock: the connection, None while there is none.
    """

    def __init__(self, address: str, node_id: bytes, bus: Bus) -> None:
        self.address = address
        self.node_id = node_id
        self.bus = bus
        self.created_ms = 0
        self.backlog: list[bytes] = []
        self.size = 0
        self.sock: Any = None
        self._filled = Event()
        self._greenlet: Any = None

    def add(self, frame: bytes) -> None:
        """Send a message when the running turn is over, or drop it if too many wait."""
        if self.size + len(frame) > BACKLOG_LIMIT:
            self.bus.drop(self, "backlog full")
            return
        self.backlog.append(frame)
        self.size += len(frame)
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)
        self._filled.set()

    def close(self) -> None:
        """End the link; what waits is dropped."""
        if self._greenlet is not None:
            self._greenlet.kill()
        self._disconnect()

    def _run(self) -> None:
        while True:
            self._filled.wait()
            self._filled.clear()
            data, self.backlog = b"".join(self.backlog), []
            try:
                self._send(data)
            except OSError as error:
                self.bus.drop(self, error.strerror or str(error))
            self.size -= len(data)

    def _send(self, data: bytes) -> None:
        """Send bytes, over a new connection if the old one has broken."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.sendall(data)
                return
        self._disconnect()
        self.sock = green_socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.address)
        self.created_ms = time.time_ns() // 1_000_000
        self.sock.sendall(data)

    def _disconnect(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None
            self.created_ms = 0


class Bus:
    """One shard's end of the bus.

    Args:
        host: the server of the shard.
        listener: its unix socket, which listens.
        addresses: those of all shards, in the order of the topology's nodes.
    """

    def __init__(self, host: Host, listener: socket.socket, addresses: Sequence[str]) -> None:
        cluster = host.state.cluster
        assert cluster is not None
        self.host = host
        self.cluster = cluster
        self.links = [
            Link(address, node.id, self)
            for address, node in zip(addresses, cluster.nodes, strict=True)
            if node is not cluster.own
        ]
        self._listener = StreamServer(green_socket(fileno=listener.detach()), self._receive)
        self._receiving: set[Any] = set()
        self._warned_at = -WARNING_S
        cluster.publish = self.publish
        cluster.links = self.report

    def start(self) -> None:
        """Listen to the other shards."""
        self._listener.start()

    def stop(self) -> None:
        """Leave nothing behind."""
        self._listener.close()
        for link in self.links:
            link.close()
        for sock in list(self._receiving):
            sock.close()

    def abandon(self) -> None:
        """In a forked process: the sockets are the other's."""
        for sock in (self._listener.socket, *self._receiving, *(link.sock for link in self.links)):
            if sock is not None:
                forks.let_go(sock)

    def publish(self, channel: bytes, message: bytes) -> None:
        """Pass a message on to the other shards."""
        frame = b"*2\r\n" + bulk(channel) + bulk(message)
        traffic = self.cluster.traffic
        for link in self.links:
            traffic.sent += 1
            traffic.bytes_sent += len(frame)
            link.add(frame)

    def drop(self, link: Link, reason: str) -> None:
        """A shard has missed messages."""
        self.cluster.traffic.dropped += 1
        now = time.monotonic()
        if now - self._warned_at >= WARNING_S:
            self._warned_at = now
            self.host.log.warning("published_messages_dropped", shard=link.node_id.decode(), reason=reason)

    def report(self) -> list[dict[bytes, Any]]:
        """The links that are connected, as CLUSTER LINKS shows them."""
        return [
            {
                b"direction": b"to",
                b"node": link.node_id,
                b"create-time": link.created_ms,
                b"events": b"w" if link.size else b"r",
                b"send-buffer-allocated": link.size,
                b"send-buffer-used": link.size,
            }
            for link in self.links
            if link.created_ms
        ]

    def _receive(self, sock: Any, address: Any) -> None:
        """Deliver what another shard sends, in a greenlet of its own."""
        host, traffic = self.host, self.cluster.traffic
        reader = host.new_reader()
        buffer = host.buffer
        self._receiving.add(sock)
        try:
            while size := sock.recv_into(buffer, PIECE_BYTES):
                host.engine.begin_turn()
                for channel, message in reader.feed(buffer, size):
                    host.state.pubsub.publish(channel, message)
                    traffic.received += 1
                traffic.bytes_received += size
                host.end_turn()
                gevent.sleep(TINY_SECONDS)
        except (OSError, ValueError):
            pass  # it is gone, or it is no shard
        finally:
            self._receiving.discard(sock)
            sock.close()
