"""Workers as shards: which of them owns which of the 16,384 hash slots.

The map is fixed when the workers are started: there is no failover and no move of slots.

Specification: https://valkey.io/topics/cluster-spec/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SLOTS = 16384


class Node(NamedTuple):
    """One shard.

    Attributes:
        id: 40 hexadecimal digits.
        host: what it is bound to; a wildcard (``0.0.0.0``, ``::``) stands for the address that a client has connected to.
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
    return tuple(
        Node(ids[i], host, port, starts[i], starts[i + 1] - 1) for i, (host, port) in enumerate(addresses)
    )
