"""Workers as shards: which of them owns which of the 16,384 hash slots, and what clients are told of it.

The map is fixed when the workers are started: there is no failover and no move of slots. What clients are told is what
Redis Cluster tells of a cluster of primaries that are all well.

Specification: https://valkey.io/topics/cluster-spec/
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from geventcache.services.clients import Client
from geventcache.services.settings.config import Config
from geventcache.services.shards.hashing import SLOTS
from geventcache.services.shards.slots import Slots

WILDCARDS = ("0.0.0.0", "::")
LOCALHOST = "127.0.0.1"
MAPPED_IPV4 = "::ffff:"


class Node(NamedTuple):
    """One shard.

    Attributes:
        id: 40 hexadecimal digits.
        host: what it is bound to; a wildcard (``0.0.0.0``, ``::``) stands for the address that a client connected to.
        port: where clients connect.
        first_slot, last_slot: the slots that it owns, both included.
    """

    id: bytes
    host: str
    port: int
    first_slot: int
    last_slot: int


class Topology(NamedTuple):
    """All shards, in the order of their slots, and which of them this process is.

    Attributes:
        nodes: the shards; together they own every slot once.
        own: index of this process' node.
    """

    nodes: tuple[Node, ...]
    own: int


def make_nodes(ids: Sequence[bytes], addresses: Sequence[tuple[str, int]]) -> tuple[Node, ...]:
    """Nodes of these ids at these addresses (host and port), between which the slots are divided evenly."""
    count = len(ids)
    starts = [SLOTS * i // count for i in range(count + 1)]
    return tuple(Node(ids[i], host, port, starts[i], starts[i + 1] - 1) for i, (host, port) in enumerate(addresses))


class Traffic:
    """Messages to the other shards and from them, and their bytes."""

    def __init__(self) -> None:
        self.sent = self.received = self.bytes_sent = self.bytes_received = self.dropped = 0


class Cluster:
    """The shards as one of them sees them.

    Attributes:
        nodes, own: all nodes, and the one that this is.
        slots: which requests are for this node.
        publish: (channel, message): passes a message on to the other shards.
        links: what CLUSTER LINKS shows, each link a map.
        traffic: counts what goes between shards.
    """

    def __init__(self, topology: Topology, config: Config) -> None:
        self.config = config
        self.nodes = topology.nodes
        self.own = topology.nodes[topology.own]
        self.slots = Slots(self.own.first_slot, self.own.last_slot, self.moved)
        self.publish: Callable[[bytes, bytes], None] = lambda channel, message: None
        self.links: Callable[[], list[dict[bytes, Any]]] = list
        self.traffic = Traffic()

    def moved(self, slot: int, client: Client) -> bytes:
        """The error text for keys of a slot of another node: where that is."""
        node = next(node for node in self.nodes if slot <= node.last_slot)
        return b"MOVED %d %b:%d" % (slot, self.host_of(node, client), self.port_of(node))

    def host_of(self, node: Node, client: Client) -> bytes:
        """The host that a client is told."""
        announced: bytes = self.config["cluster-announce-ip"]
        if announced:
            return announced
        return (local_host(client) if node.host in WILDCARDS else node.host).encode()

    def port_of(self, node: Node) -> int:
        """The port that clients are told."""
        announced: int = self.config["cluster-announce-port"]
        return announced + self.nodes.index(node) if announced else node.port

    def find(self, node_id: bytes) -> Node | None:
        """The node of an id, None if there is none."""
        return next((node for node in self.nodes if node.id == node_id), None)

    # ------------------------------------------------------------------ what clients are told

    def slot_map(self, client: Client) -> list[Any]:
        """CLUSTER SLOTS: ranges, each with its node."""
        return [
            [
                node.first_slot,
                node.last_slot,
                [self.host_of(node, client), self.port_of(node), node.id, {}],
            ]
            for node in self.nodes
        ]

    def shards(self, client: Client) -> list[Any]:
        """CLUSTER SHARDS: shards of one node each."""
        return [
            {
                b"slots": [node.first_slot, node.last_slot],
                b"nodes": [self.shard_member(node, client)],
                b"id": shard_id(node),
            }
            for node in self.nodes
        ]

    def shard_member(self, node: Node, client: Client) -> dict[bytes, Any]:
        """The one node of a shard."""
        host = self.host_of(node, client)
        return {
            b"id": node.id,
            b"port": self.port_of(node),
            b"ip": host,
            b"endpoint": host,
            b"role": b"master",
            b"replication-offset": 0,
            b"health": b"online",
        }

    def node_lines(self, client: Client) -> bytes:
        """CLUSTER NODES: a line a node. The port of the bus is 0: shards of one machine talk by unix sockets."""
        return b"".join(
            b"%b %b:%d@0 %bmaster - 0 0 %d connected %d-%d\n"
            % (
                node.id,
                self.host_of(node, client),
                self.port_of(node),
                b"myself," if node is self.own else b"",
                epoch,
                node.first_slot,
                node.last_slot,
            )
            for epoch, node in enumerate(self.nodes, 1)
        )

    def info(self) -> bytes:
        """CLUSTER INFO."""
        count, traffic = len(self.nodes), self.traffic
        fields = {
            "cluster_state": "ok",
            "cluster_slots_assigned": SLOTS,
            "cluster_slots_ok": SLOTS,
            "cluster_slots_pfail": 0,
            "cluster_slots_fail": 0,
            "cluster_nodes_pfail": 0,
            "cluster_nodes_fail": 0,
            "cluster_voting_nodes_pfail": 0,
            "cluster_voting_nodes_fail": 0,
            "cluster_known_nodes": count,
            "cluster_size": count,
            "cluster_current_epoch": count,
            "cluster_my_epoch": self.nodes.index(self.own) + 1,
            "cluster_stats_messages_publish_sent": traffic.sent,
            "cluster_stats_messages_sent": traffic.sent,
            "cluster_stats_messages_publish_received": traffic.received,
            "cluster_stats_messages_received": traffic.received,
            "cluster_stats_bytes_sent": traffic.bytes_sent,
            "cluster_stats_bytes_received": traffic.bytes_received,
            "cluster_stats_pubsub_bytes_sent": traffic.bytes_sent,
            "cluster_stats_pubsub_bytes_received": traffic.bytes_received,
            "total_cluster_links_buffer_limit_exceeded": traffic.dropped,
        }
        return "".join(f"{name}:{value}\r\n" for name, value in fields.items()).encode()


def shard_id(node: Node) -> bytes:
    """The id of the shard that a node is."""
    return hashlib.sha1(b"shard " + node.id, usedforsecurity=False).hexdigest().encode()


def local_host(client: Client) -> str:
    """The address of this machine that a client has connected to."""
    host, _, port = client.local_address.decode("utf-8", "replace").rpartition(":")
    if not host or host.startswith("/") or port == "0":  # by a unix socket
        return LOCALHOST
    return host.strip("[]").removeprefix(MAPPED_IPV4)
