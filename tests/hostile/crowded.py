"""Scripts where the system has no memory left: run as a program, with a script and the module of lupa that runs it.

The address space is bounded by what is in use, what the C library has free is taken, and at each step a few bytes more
are left: so every allocation of the script is once the one that fails. What would jump out of lupa's
frames then would leave the interpreter's lock held, and this program would hang.
"""

from __future__ import annotations

import ctypes
import importlib
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from geventcache.services.scripting import runtime

from ..support.inprocess import Session
from .starved import Server

STEP = 32  # bytes
ROOM = 64 << 10  # of which so many steps are left
LEAST = 24
MOST_BLOCKS = 1 << 18
GOES_WELL = 5
HOG = "local s = 'x' while true do s = s .. s end"

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
taken = (ctypes.c_void_p * MOST_BLOCKS)()


def size_in_use() -> int:
    """Return the address space in use."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


@contextmanager
def crowded(spare: int) -> Iterator[None]:
    """Leave the C library a room of `spare` bytes."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    room = libc.malloc(ROOM)
    count = 0
    resource.setrlimit(resource.RLIMIT_AS, (size_in_use(), limits[1]))
    try:
        size = 1 << 20
        while size >= LEAST:
            block = libc.malloc(size)
            if block is None:
                size //= 2
            else:
                taken[count] = block
                count += 1
        libc.free(room)
        room = libc.malloc(ROOM - spare)
        yield
    finally:
        libc.free(room)
        for i in range(count):
            libc.free(taken[i])
        resource.setrlimit(resource.RLIMIT_AS, limits)


def prepared(script: str) -> tuple[Server, Session, list[bytes], bytes]:
    """Return a server, a client of it, and a request that runs the script, with its right reply."""
    server = Server()
    session = server.connect()
    session.do("RPUSH", "list", *["element"] * 20)
    session.do("SET", "key", "value")
    session.do("HSET", "hash", *[str(i) for i in range(20)])
    assert session.do("EVAL", HOG, "0").startswith(b"-ERR the script needs more memory")
    words = [b"EVAL", script.encode(), b"1", b"key", b"argument"]
    session.do(*words)
    return server, session, words, session.do(*words)


def attempt(session: Session, words: list[bytes]) -> bytes | None:
    """Return the reply to a request, None if an exception ends its connection."""
    try:
        return session.do(*words)
    except Exception:
        try:  # noqa: SIM105 (as a connection does: `suppress` is an object that takes memory)
            session.server.engine.abandon()
        except MemoryError:
            pass
        return None


def main(script: str, lua: str) -> None:
    """Let the allocations of a script fail, one after the other."""
    module = importlib.import_module(f"lupa.{lua}")
    runtime.engine = lambda: module
    server, session, words, right = prepared(script)
    well, failed = 0, 0
    for spare in range(STEP, ROOM, STEP):
        with crowded(spare):
            reply = attempt(session, words)
        assert reply is None or reply == right or reply.startswith(b"-"), reply
        assert server.state.scripting.running is None
        assert session.do("EVAL", "return 'on'", "0") == b"$2\r\non\r\n", spare
        failed += reply != right
        well = well + 1 if reply == right else 0
        if well == GOES_WELL:
            break
    assert well == GOES_WELL
    assert session.do(*words) == right
    print("survived", failed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
