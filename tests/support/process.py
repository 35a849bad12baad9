"""A server in a process of its own, seen from outside: its address, exit status, memory and descriptors.

It runs in a temporary folder, and is killed at the end of the block if it still does. `UnixClient` speaks to a server
that listens on a path.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .client import PATIENCE_S, Address, Client
from .servers import parse_address
from .subject import command, environment
from .wire import Source

GRACE_S = 20.0  # how long a process may take to start or to end before the test fails
POLL_S = 0.005


class Process:
    """A running server.

    Attributes:
        popen: the process.
        address: its first address of the internet, None when it listens elsewhere or tells nobody.
    """

    def __init__(self, popen: subprocess.Popen[bytes], address: Address | None) -> None:
        self.popen = popen
        self.address = address

    def connect(self, protocol: int = 2) -> Client:
        """Return a new connection."""
        assert self.address is not None
        return Client(self.address, protocol)

    def memory_kb(self) -> int:
        """Return the resident memory, in KiB."""
        return memory_kb(self.popen.pid, "VmRSS")

    def peak_memory_kb(self) -> int:
        """Return the most resident memory that there ever was, in KiB."""
        return memory_kb(self.popen.pid, "VmHWM")

    def descriptors(self) -> int:
        """Return the number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.popen.pid}/fd"))

    def end(self, signal_number: int) -> int:
        """Send a signal and return the exit status."""
        self.popen.send_signal(signal_number)
        return self.popen.wait(GRACE_S)


class UnixClient(Client):
    """A connection to a server that listens on a path; raises OSError while nobody does."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._source = Source(self._receive_bytes)


@contextlib.contextmanager
def running(*options: str, stderr: Any = None, listens: bool = True, prefix: Sequence[str] = ()) -> Iterator[Process]:
    """Run a server that logs to `stderr`, a file; unless `listens` is False, wait until the log tells its address.

    `prefix` is put before the command.
    """
    with tempfile.TemporaryDirectory(prefix="geventcache-") as folder, contextlib.ExitStack() as stack:
        log = Path(folder, "log")
        target = stderr if stderr is not None else stack.enter_context(log.open("wb"))
        popen = subprocess.Popen(
            [*prefix, *command(*options)],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=target,
            stderr=target,
        )
        try:
            yield Process(popen, _listening(popen, log) if listens else None)
        finally:
            popen.kill()
            popen.wait(GRACE_S)


@contextlib.contextmanager
def serving(*options: str) -> Iterator[Process]:
    """Run a server on a free port."""
    with running("--port", "0", "--bind", "127.0.0.1", *options) as process:
        yield process


def eventually(claim: Callable[[], bool], patience_s: float = 60.0) -> bool:
    """Ask until the claim holds; False if it does not within a time that is far above what is needed."""
    end_s = time.monotonic() + patience_s
    while not claim():
        if time.monotonic() > end_s:
            return False
        time.sleep(POLL_S)  # which leaves the processor to whom is waited for
    return True


def information(client: Client, section: str) -> dict[str, str]:
    """Return the fields of a section of INFO."""
    lines = client.do("INFO", section).value.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def memory_kb(pid: int, field: str) -> int:
    """Return a field of a process' status that counts memory, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no {field}")


def _listening(popen: subprocess.Popen[bytes], log: Path) -> Address:
    """Return the address that the log tells."""

    def told() -> list[bytes]:
        return [line for line in log.read_bytes().splitlines() if b'"listening"' in line]

    assert eventually(lambda: bool(told()) or popen.poll() is not None, GRACE_S)
    if not told():
        raise RuntimeError(f"the server ended before it was ready: {log.read_text(errors='replace')}")
    return parse_address(json.loads(told()[0])["address"])
