"""What programs and shells do around a server: closed standard streams, late patches, an end without stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.process import GRACE_S, eventually
from ..support.servers import parse_address
from ..support.subject import command, environment

CLOSING = """
import os, sys
for number in map(int, sys.argv[1].split(",")):
    os.close(number)
os.execv(sys.argv[2], sys.argv[2:])
"""
STREAMS = ["2", "1", "0", "0,1,2"]


def closing(streams: str, *options: str) -> list[str]:
    """The command that runs a server without some of the standard streams."""
    return [sys.executable, "-c", CLOSING, streams, *command(*options)]


def lines_of(file: Path, event: str) -> list[dict[str, object]]:
    """The lines of a log about an event."""
    text = file.read_text() if file.exists() else ""
    return [line for line in map(json.loads, text[: text.rfind("\n") + 1].splitlines()) if line["event"] == event]


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_standard_streams_that_are_closed(tmp_path: Path, streams: str, workers: str) -> None:
    """It serves, ends well, and no socket has the number of a stream that people write to."""
    log = tmp_path / "log"
    words = closing(streams, "--bind", "127.0.0.1:0", "--logfile", str(log), "--workers", workers)
    with subprocess.Popen(words, env=environment()) as process:
        assert eventually(lambda: len(lines_of(log, "listening")) == int(workers), GRACE_S)
        client = Client(parse_address(str(lines_of(log, "listening")[0]["address"])))
        assert client.do("PING").value == b"PONG"
        links = {os.readlink(f"/proc/{process.pid}/fd/{number}") for number in map(int, streams.split(","))}
        assert links == {os.devnull}
        client.close()
        process.terminate()
        assert process.wait(GRACE_S) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_logging_to_a_standard_error_that_is_closed(tmp_path: Path, workers: str) -> None:
    """There is nowhere to log to, and the server serves all the same."""
    path = tmp_path / "socket"
    options = ["--bind", f"unix:{path}", "127.0.0.1:0", "--workers", workers]
    with subprocess.Popen(closing("2", *options), env=environment()) as process:
        assert eventually(lambda: answers(path), GRACE_S)  # from then on it obeys signals
        process.terminate()
        assert process.wait(GRACE_S) == 0


def answers(path: Path) -> bool:
    """Does somebody answer PING there?"""
    with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
        sock.connect(str(path))
        sock.sendall(b"PING\r\n")
        return sock.recv(100) == b"+PONG\r\n"
    return False


@pytest.mark.parametrize("streams", STREAMS)
def test_into_the_background_without_streams(tmp_path: Path, streams: str) -> None:
    """The caller hears how it went by the exit status at least."""
    pid = tmp_path / "pid"
    options = ["--bind", "127.0.0.1:0", "--daemon", "--pid", str(pid)]
    assert subprocess.run(closing(streams, *options), env=environment()).returncode == 0
    os.kill(int(pid.read_text()), signal.SIGTERM)
    assert eventually(lambda: not pid.exists(), GRACE_S)
    assert subprocess.run(closing(streams, "--no-such-setting", "1"), env=environment()).returncode == 2


LATE = """
import sys
from geventcache import Cache, Server
server, cache = Server().start(), Cache()
from gevent import monkey
monkey.patch_all()
import socket

def ping(server):
    with socket.create_connection(server.address) as sock:
        sock.sendall(b"PING\\r\\n")
        assert sock.recv(100) == b"+PONG\\r\\n"

ping(server)
cache.set("k", "v")
assert cache.get("k") == b"v"
if "reset" in sys.argv:
    server.reset()
    ping(server)
if "stop" in sys.argv:
    server.stop()
    cache.close()
if "again" in sys.argv:
    with Server() as another:
        ping(another)
"""


@pytest.mark.parametrize("steps", ["", "stop", "reset stop", "stop again", "again"])
def test_patches_that_come_after_the_start(tmp_path: Path, steps: str) -> None:
    """A server in a thread goes on, can be stopped, and the program ends without a word."""
    file = tmp_path / "program.py"
    file.write_text(LATE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        words = [sys.executable, "-W", "ignore", str(file), *steps.split()]
        done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_program_that_ends_without_stop(tmp_path: Path) -> None:
    """Its server ends with it at once, whatever clients do, and leaves no socket behind."""
    file, path = tmp_path / "program.py", tmp_path / "socket"
    file.write_text(f"""
import socket
from geventcache import Server
server = Server(bind="unix:{path}").start()
sock = socket.socket(socket.AF_UNIX)
sock.connect(server.address)
sock.sendall(b"BLPOP k 0\\r\\n")
""")
    done = subprocess.run([sys.executable, str(file)], env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not path.exists()
