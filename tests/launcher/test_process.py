"""A server in a process of its own does what its signals, its supervisor and its configuration file say."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from geventcache.launcher.background import PidFile, become

from ..support.client import Client
from ..support.process import GRACE_S, eventually, running
from ..support.subject import command, environment
from .served import CONFIG, Served, setting, under_systemd


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """Run a server with a configuration file."""
    server = Served(tmp_path)
    yield server
    server.close()


def test_hooks(served: Served) -> None:
    """Hooks are called in their order, and what they raise is logged."""
    served.client.do("SET", "k", "v", "PX", "1")
    assert eventually(lambda: served.told("hook_on_expired_batch") != [])
    served.popen.send_signal(signal.SIGINT)
    assert served.popen.wait(GRACE_S) == 0
    lines = served.lines()
    assert [line["event"] for line in lines if line["event"].startswith("hook_on_exp")] == ["hook_on_expired_batch"]
    assert [line["hook"] for line in lines if line["event"] == "hook_failed"] == ["on_expired_batch"]
    assert [line["event"] for line in lines if line["event"].startswith("hook_") and "exp" not in line["event"]] == [
        "hook_on_starting",
        "hook_when_ready",
        "hook_failed",
        "hook_worker_int",
        "hook_on_exit",
    ]


def test_reload(served: Served) -> None:
    """HUP applies what the file changed, keeps data and what CONFIG SET changed, and names what needs a restart."""
    served.client.do("SET", "k", "v")
    served.client.do("CONFIG", "SET", "timeout", "77")
    served.file.write_text(CONFIG.replace("maxclients = 100", "maxclients = 200\ndatabases = 3"))
    served.popen.send_signal(signal.SIGHUP)
    assert eventually(lambda: served.told("settings_reloaded") != [])
    (line,) = served.told("settings_reloaded")
    assert (line["changed"], line["need_restart"]) == (["maxclients"], ["databases"])
    assert setting(served.client, "maxclients") == b"200"
    assert setting(served.client, "timeout") == b"77"
    assert served.client.do("GET", "k").value == b"v"


def test_reload_refused(served: Served) -> None:
    """HUP with a wrong file changes nothing but the log."""
    served.file.write_text("maxclients = 'x'")
    served.popen.send_signal(signal.SIGHUP)
    assert eventually(lambda: served.told("settings_not_reloaded") != [])
    assert setting(served.client, "maxclients") == b"100"


def test_reopened_log(served: Served) -> None:
    """USR1 begins a new log file in the place of one that was moved away."""
    (served.folder / "log").rename(served.folder / "old")
    served.popen.send_signal(signal.SIGUSR1)
    assert eventually((served.folder / "log").exists)
    served.popen.send_signal(signal.SIGTERM)
    assert served.popen.wait(GRACE_S) == 0
    assert served.told("stopped")
    assert not served.told("stopped", "old")


def test_signals_in_a_loop(served: Served) -> None:
    """Hundreds of signals in a row leave the server serving."""
    served.client.do("SET", "k", "v")
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU) * 100:
        served.popen.send_signal(number)
        assert served.client.do("GET", "k").value == b"v"
    served.popen.send_signal(signal.SIGQUIT)
    assert served.popen.wait(GRACE_S) == 0


def test_full_disk() -> None:
    """A log that cannot be written does not stop the server."""
    with running("--port", "0", "--unixsocket", "socket", "--logfile", "/dev/full", listens=False) as process:
        folder = Path(os.readlink(f"/proc/{process.popen.pid}/cwd"))
        assert eventually((folder / "socket").exists)
        with socket.socket(socket.AF_UNIX) as sock:
            assert eventually(lambda: sock.connect_ex(str(folder / "socket")) == 0)
            sock.sendall(b"PING\r\n")
            assert sock.recv(100) == b"+PONG\r\n"


def test_background(tmp_path: Path) -> None:
    """--daemon comes back when clients can connect; a second one is told why it cannot start, in one line."""
    path = tmp_path / "socket"
    options = ("--daemon", "--pid", "pid", "--logfile", "log", "--bind", f"unix:{path}")
    subprocess.run(command(*options), cwd=tmp_path, env=environment(), check=True, timeout=GRACE_S)
    number = int((tmp_path / "pid").read_text())
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
        again = subprocess.run(
            command(*options),
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=GRACE_S,
            check=False,
        )
        assert again.returncode == 1
        assert again.stderr == f"geventcache: error: cannot listen on unix:{path}: Address already in use\n"
    finally:
        os.kill(number, signal.SIGTERM)
    assert eventually(lambda: not (tmp_path / "pid").exists())


def test_pid_file(tmp_path: Path) -> None:
    """The file of a process that has gone is taken over, that of a running one is not."""
    path = tmp_path / "pid"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(GRACE_S)
    path.write_text(f"{gone.pid}\n")
    file = PidFile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()
    assert not path.exists()
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(OSError, match="already running"):
        PidFile(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells what has ended from what runs")
def test_pid_file_of_a_process_that_nobody_reaped(tmp_path: Path) -> None:
    """A server that was killed in a container whose first process reaps nobody can be started again."""
    path = tmp_path / "pid"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    path.write_text(f"{ended.pid}\n")
    PidFile(path).remove()
    assert not path.exists()
    ended.wait(GRACE_S)


def test_unknown_user() -> None:
    """A user or group that does not exist is refused by its name."""
    with pytest.raises(OSError, match="there is no user nosuchuser"):
        become(b"nosuchuser", b"")
    with pytest.raises(OSError, match="there is no group nosuchgroup"):
        become(b"", b"nosuchgroup")
    with pytest.raises(OSError, match="there is no user -1"):
        become(b"-1", b"")
    with pytest.raises(OSError, match="there is no group 4294967295"):
        become(b"", b"4294967295")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("number", ["65534", "54321"])
def test_become(number: str) -> None:
    """The server is the user that was asked for, which in a container may be a number without a name."""
    with running("--port", "0", "--user", number, "--group", number) as process:
        # It becomes that user once it listens, which is all that was waited for.
        assert eventually(lambda: _identity(process.popen.pid) == (number, number, number))


def _identity(pid: int) -> tuple[str, str, str]:
    """The effective user and group of a process, and its other groups."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return fields["Uid"].split()[1], fields["Gid"].split()[1], fields["Groups"].strip()


def test_systemd(tmp_path: Path) -> None:
    """A socket that systemd has bound is served, and systemd hears that the server is ready and that it stops."""
    with under_systemd(tmp_path, 1) as (popen, supervisor, (bound,)):
        assert supervisor.recv(1000) == f"READY=1\nMAINPID={popen.pid}".encode()
        client = Client(bound, 2)
        assert client.do("ECHO", "x").value == b"x"
        client.close()
        popen.send_signal(signal.SIGTERM)
        assert supervisor.recv(1000) == b"STOPPING=1"
        assert popen.wait(GRACE_S) == 0
