"""Bytes from a socket and to it, and the switch of greenlets.

The compiled build has this from ``wire.pyx``, which calls recv(2), send(2) and greenlet's C function; this is its twin,
which serves uncompiled. None of the calls waits.
"""

from __future__ import annotations

from typing import Any

import greenlet

from geventcache.resp.reader import RequestReader
from geventcache.resp.writer import ReplyWriter
from geventcache.services.clients import Client

BUFFER_SIZE = 64 * 1024

switch = greenlet.greenlet.switch


def receive(fd: int, sock: Any, client: Client, reader: RequestReader, buffer: bytearray) -> list[list[bytes]] | None:
    """Read once: the requests that became complete, None at the end of the stream.

    Args:
        buffer: may be received into; it has `BUFFER_SIZE` bytes.
    """
    try:
        data = sock._sock.recv(BUFFER_SIZE)
    except (BlockingIOError, InterruptedError):
        return []
    except OSError:
        return None
    if not data:
        return None
    client.bytes_in += len(data)
    client.reads += 1
    commands: list[list[bytes]] = reader.feed(data, len(data))
    return commands


def send(fd: int, sock: Any, data: bytes, start: int) -> int:
    """Send data[start:] as far as the socket takes it; return how much that was, -1 if it takes nothing any more."""
    try:
        sent: int = sock._sock.send(memoryview(data)[start:] if start else data)
    except (BlockingIOError, InterruptedError):
        return 0
    except OSError:
        return -1
    return sent


def send_replies(fd: int, sock: Any, client: Client, out: ReplyWriter) -> bytes | None:
    """Send what was written; return what the socket did not take, None if it takes nothing any more."""
    data = out.take_buffer()
    if not data:
        return data
    client.bytes_out += len(data)
    client.writes += 1
    sent = send(fd, sock, data, 0)
    return None if sent < 0 else data[sent:]
