"""What clients take in memory, and maxmemory-clients: the largest of them are closed when it is too much.

The limit is looked at once a second, and at once for a client whose unread replies alone exceed it. Clients with CLIENT
NO-EVICT are spared, and so are replicas and the primary.
"""

from __future__ import annotations

from typing import Any

# The client, its connection, its greenlet with its part of the stack, and what the loop keeps for it.
IDLE_BYTES = 6000


def pending_bytes(client: Any) -> int:
    """Bytes of a request that has not come in full."""
    return int(client.reader.buffered()) if client.reader is not None else 0


def queued_bytes(client: Any) -> int:
    """Bytes of the requests since MULTI."""
    return sum(len(arg) for _, args in client.queue or () for arg in args)


def memory_of(client: Any) -> int:
    """Bytes in all."""
    return int(IDLE_BYTES + pending_bytes(client) + queued_bytes(client) + client.outbox_size)


def is_spared(client: Any) -> bool:
    """Is it never closed for the memory that it takes?"""
    return client.no_evict or client.peer is not None


class ClientMemory:
    """The memory of a server's clients.

    Attributes:
        evicted: how many clients were closed because all together took too much.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.evicted = 0

    def limit(self) -> int:
        """Bytes that all clients may take, 0 if any number."""
        size: int = self.state.config["maxmemory-clients"]
        return size if size >= 0 else -size * int(self.state.config["maxmemory"]) // 100

    def exceeds_alone(self, client: Any) -> bool:
        """Do the replies that a client leaves unread exceed the limit of all? It is to be closed then."""
        limit = self.limit()
        if not limit or is_spared(client) or client.outbox_size <= limit:
            return False
        self.count(client)
        return True

    def enforce(self) -> None:
        """Close the largest clients until the others are within the limit."""
        limit = self.limit()
        if not limit:
            return
        sizes = {client: memory_of(client) for client in self.state.clients}
        excess = sum(sizes.values()) - limit
        for client in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if excess <= 0:
                return
            if not is_spared(client) and client.transport is not None and not client.is_closing:
                self.count(client)
                client.transport.break_off()
                excess -= sizes[client]

    def count(self, client: Any) -> None:
        """A client is being closed."""
        self.evicted += 1
        self.state.log.warning("client_evicted", client=client.address.decode(), bytes=memory_of(client))
