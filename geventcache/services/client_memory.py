"""What a client takes in memory: CLIENT LIST tells it, and the limits count it."""

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
    buffers = pending_bytes(client) + (queued_bytes(client) if client.queue else 0) + client.outbox_size
    return int(IDLE_BYTES + buffers)
