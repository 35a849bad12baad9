"""A server with a folder and a configuration file of its own, as its log tells of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..support.client import Address, Client
from ..support.process import GRACE_S, eventually
from ..support.servers import parse_address
from ..support.subject import command, environment

CONFIG = """
bind = ["127.0.0.1:0"]
logfile = "log"
maxclients = 100
def on_starting(process): process.log.info("hook_on_starting")
def when_ready(process): process.log.info("hook_when_ready")
def post_fork(master, worker): worker.log.info("hook_post_fork")
def worker_int(process): process.log.info("hook_worker_int")
def worker_exit(master, worker): worker.log.info("hook_worker_exit")
def on_exit(process): process.log.info("hook_on_exit")
def on_expired_batch(process, count): process.log.info("hook_on_expired_batch", count=count); 1 / 0
"""


class Served:
    """A running server.

    Attributes:
        folder: where it runs; temporary files are made in its folder ``tmp``.
        file: its configuration file.
        popen: the process.
        client: a connection to it, to its first worker if there are several.
    """

    def __init__(self, folder: Path, config: str = CONFIG, workers: int = 0) -> None:
        """Run a server; `workers` is how many of them its master has, by `config`."""
        self.folder = folder
        self.file = folder / "my.conf.py"
        self.file.write_text(config)
        (folder / "tmp").mkdir()
        self.popen = subprocess.Popen(
            command("-c", str(self.file)),
            cwd=folder,
            env={**environment(), "TMPDIR": str(folder / "tmp")},
            stderr=subprocess.DEVNULL,
        )
        assert eventually(lambda: self.told("hook_when_ready") != [], GRACE_S)
        assert eventually(lambda: len(self.told("ready")) > workers, GRACE_S)
        self.client = self.connect()

    def told(self, event: str, name: str = "log") -> list[dict[str, Any]]:
        """Return the lines of an event in the log."""
        return [line for line in self.lines(name) if line["event"] == event]

    def lines(self, name: str = "log") -> list[dict[str, Any]]:
        """Return the lines of the log that are complete."""
        path = self.folder / name
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def connect(self, worker: int = 0) -> Client:
        """Return a new connection, to a worker if there are several."""
        addresses = [line["address"] for line in self.told("listening") if line.get("worker", 0) == worker]
        return Client(parse_address(addresses[-1]), 2)

    def worker_pid(self, worker: int) -> int:
        """Return the process of the worker that was ready last."""
        return int([line for line in self.told("ready") if line.get("worker") == worker][-1]["pid"])

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.popen.send_signal(number)
        return self.popen.wait(GRACE_S)

    def close(self) -> None:
        """End it, however it is; workers end with their master."""
        self.client.close()
        self.popen.kill()
        self.popen.wait(GRACE_S)


def setting(client: Client, name: str) -> bytes:
    """Return a setting's text."""
    value: bytes = client.do("CONFIG", "GET", name).value[1].value
    return value


def is_running(pid: int) -> bool:
    """Whether a process runs, not counting one that only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descriptors(pid: int) -> int:
    """Return the number of open files of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


# Sockets are passed from descriptor 3 on. The number of the process is known to it alone, so it says it itself, as
# systemd does between fork and exec.
_UNDER_SYSTEMD = """
import os, sys
count, *options = sys.argv[1:]
passed = [int(options.pop(0)) for _ in range(int(count))]
for i, descriptor in enumerate(passed):
    os.dup2(descriptor, 50 + i)
for i in range(len(passed)):
    os.dup2(50 + i, 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "geventcache", *options])
"""


@contextlib.contextmanager
def under_systemd(
    folder: Path, count: int, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket, list[Address]]]:
    """Run a server as systemd would, with so many sockets; yield its process, who is notified, and their addresses."""
    with contextlib.ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        supervisor = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        supervisor.bind(str(folder / "notify"))
        supervisor.settimeout(GRACE_S)
        descriptors = [sock.fileno() for sock in bound]
        popen = subprocess.Popen(
            [sys.executable, "-c", _UNDER_SYSTEMD, str(count), *map(str, descriptors), *options],
            cwd=folder,
            env={**environment(), "LISTEN_FDS": str(count), "NOTIFY_SOCKET": str(folder / "notify")},
            pass_fds=descriptors,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield popen, supervisor, [sock.getsockname() for sock in bound]
        finally:
            popen.kill()
            popen.wait(GRACE_S)
