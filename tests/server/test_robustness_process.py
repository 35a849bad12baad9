"""A server as a process: how it starts, why it does not, how it ends, and what a stuck log does to it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.process import GRACE_S, Process, UnixClient, eventually, information, running, serving
from ..support.subject import command, environment
from ..support.wire import Reply, request
from ..support.workers import pipelined

OK = Reply("+", b"OK")
PONG = Reply("+", b"PONG")
LINUX = sys.platform == "linux"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a unix socket."""
    return tmp_path / "socket"


def connected(path: Path, process: Process) -> UnixClient:
    """Return a connection to a server that is about to listen on a path."""
    found: list[UnixClient] = []

    def is_there() -> bool:
        assert process.popen.poll() is None
        try:
            found.append(UnixClient(path))
        except OSError:
            return False
        return True

    assert eventually(is_there, GRACE_S)
    return found[0]


def is_read(client: Client) -> bool:
    """True when the server has taken all that was sent (a unix socket on Linux knows)."""
    unread = fcntl.ioctl(client.socket, termios.TIOCOUTQ, b"\0" * 4)
    return unread == b"\0" * 4


@pytest.mark.skipif(not LINUX, reason="asks the socket how much is unread")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_with_a_command_in_flight(path: Path, number: signal.Signals) -> None:
    """A command that runs when the signal comes is answered, then the connection and the process end, with status 0."""
    options = ["--bind", f"unix:{path}", "--enable-debug-command", "local"]
    with running(*options, listens=False) as process:
        client, idle = connected(path, process), connected(path, process)
        assert idle.do("PING") == PONG
        assert eventually(lambda: is_read(client))
        client.send("DEBUG", "SLEEP", "0.5")
        assert eventually(lambda: is_read(client))
        assert process.end(number) == 0
        assert client.receive() == OK
        for one in (client, idle):
            with pytest.raises((EOFError, ConnectionError)):
                one.receive()
            one.close()
        assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_with_everything_going_on(number: signal.Signals) -> None:
    """Blocked, subscribed, half-sent and expiring things do not keep the process from ending with status 0."""
    with serving("--enable-debug-command", "local") as process:
        clients = [process.connect() for _ in range(4)]
        for i, argv in enumerate([("BLPOP", "k", 0), ("SUBSCRIBE", "ch"), ("MULTI",)]):
            clients[i].send(*argv)
        clients[3].send_bytes(b"*2\r\n$3\r\nGET")
        control = process.connect()
        control.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        assert not pipelined(control, [request((b"SET", b"k:%d" % i, b"v", b"PX", b"1")) for i in range(50_000)])
        control.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)
        assert process.end(number) == 0
        for client in (*clients, control):
            client.close()


def refusal(*options: str) -> tuple[int, list[str]]:
    """Run a server that must not start; return its exit status and the lines it writes."""
    done = subprocess.run(
        command(*options), env=environment(), capture_output=True, text=True, timeout=GRACE_S, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_taken_port() -> None:
    """A port that another one listens on: status 1 and one line."""
    with serving() as process:
        assert process.address is not None
        host, port = process.address
        line = f"geventcache: error: cannot listen on {host}:{port}: Address already in use"
        assert refusal("--bind", f"{host}:{port}") == (1, [line])
        assert process.connect().do("PING") == PONG


def test_taken_path(path: Path) -> None:
    """A unix socket that another one listens on: status 1, one line, and the other one is still there."""
    with running("--bind", f"unix:{path}", listens=False) as process:
        client = connected(path, process)
        status, lines = refusal("--bind", f"unix:{path}")
        assert (status, len(lines)) == (1, 1)
        assert client.do("PING") == PONG
        second = connected(path, process)
        assert second.do("PING") == PONG
        client.close()
        second.close()


@pytest.mark.parametrize(
    "options", [("--no-such-option", "1"), ("--maxclients", "many"), ("--bind", "127.0.0.1:99999")]
)
def test_bad_option(options: tuple[str, ...]) -> None:
    """A wrong option or value: status 2 and one line."""
    status, lines = refusal(*options)
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("geventcache: error: ")


def test_unix_socket_comes_and_goes(path: Path) -> None:
    """A unix socket replaces the one that a killed server left, and is removed at the end."""
    for number, is_left in ((signal.SIGKILL, True), (signal.SIGTERM, False)):
        with running("--bind", f"unix:{path}", "--unixsocketperm", "700", listens=False) as process:
            client = connected(path, process)
            assert client.do("PING") == PONG
            assert path.stat().st_mode & 0o777 == 0o700
            process.end(number)
            client.close()
        assert path.exists() == is_left


@pytest.fixture
def stuck_log() -> Iterator[int]:
    """A pipe that is full and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        while _is_written(writer, b"x" * size):
            pass
    os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


def _is_written(descriptor: int, data: bytes) -> bool:
    try:
        return os.write(descriptor, data) > 0
    except BlockingIOError:
        return False


def test_stuck_log_stops_nobody(path: Path, stuck_log: int) -> None:
    """With a log that blocks, keys expire in a storm, events come, clients are answered, and the process ends well."""
    count = 50_000
    options = ["--bind", f"unix:{path}", "--loglevel", "debug", "--enable-debug-command", "local"]
    with running(*options, "--expire-queue-size", "1", stderr=stuck_log, listens=False) as process:
        control, listener = connected(path, process), connected(path, process)
        control.do("CONFIG", "SET", "notify-keyspace-events", "Ex")
        listener.send("SUBSCRIBE", "__keyevent@0__:expired")
        listener.receive()
        control.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        requests = [request((b"SET", b"k:%d" % i, b"v", b"PX", b"%d" % (1 + i % 500))) for i in range(count)]
        assert not pipelined(control, requests)
        for _ in range(100):
            control.do("DEBUG", "LOG", "line" * 1000)
        control.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)
        keys = set()
        for _ in range(count):
            keys.add(listener.receive().value[2].value)
            if len(keys) % 1000 == 0:
                assert control.do("PING") == PONG
        assert len(keys) == count
        assert information(control, "stats")["expired_keys"] == str(count)
        assert int(information(control, "expiry")["queue_full_fallbacks"]) > 0
        assert process.end(signal.SIGTERM) == 0
        control.close()
        listener.close()
