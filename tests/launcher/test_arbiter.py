"""A master keeps its workers running on their ports, does what signals say, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from geventcache.launcher import arbiter
from geventcache.launcher.arbiter import DELAYS_S, LASTING_S, Child, how_it_ended

from ..support.client import Client
from ..support.process import GRACE_S, eventually
from ..support.subject import command, environment
from .served import CONFIG, Served, is_running, setting, under_systemd

WORKERS = CONFIG + "workers = 2\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Run a server with two workers."""
    server = Served(tmp_path, WORKERS, 2)
    yield server
    server.close()


def _refused(tmp_path: Path, *options: str) -> tuple[int, str]:
    """Run a server that does not start; return its exit status and what it said."""
    done = subprocess.run(
        command(*options),
        cwd=tmp_path,
        env={**environment(), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=GRACE_S,
        check=False,
    )
    return done.returncode, done.stderr


def test_killed_worker(served: Served) -> None:
    """A worker that is killed is back on its port, empty; the other has gone on, with its data."""
    other = served.connect(1)
    other.do("CLIENT", "SETNAME", "kept")
    pids = [served.worker_pid(worker) for worker in (0, 1)]
    os.kill(pids[0], signal.SIGKILL)
    assert eventually(lambda: served.worker_pid(0) != pids[0], GRACE_S)
    (line,) = served.told("worker_ended")
    assert (line["worker"], line["pid"], line["how"], line["restart_in_s"]) == (0, pids[0], "SIGKILL", 0.0)
    first, again = (line["address"] for line in served.told("listening") if line["worker"] == 0)
    assert first == again
    client = served.connect(0)
    assert client.do("PING").value == b"PONG"
    assert other.do("CLIENT", "GETNAME").value == b"kept"
    assert served.worker_pid(1) == pids[1]
    client.close()
    other.close()


def test_shards(served: Served) -> None:
    """The workers are one cluster: a client is sent to the owner of a key, who is the same node when it is back."""
    first, second = served.connect(0), served.connect(1)
    host, port = second.socket.getpeername()
    (key,) = [key for key in ("a", "b") if first.do("CLUSTER", "KEYSLOT", key).value >= 8192]
    moved = f"MOVED {first.do('CLUSTER', 'KEYSLOT', key).value} {host}:{port}"
    assert first.do("SET", key, "v").value == moved.encode()
    assert second.do("SET", key, "v").value == b"OK"
    node = second.do("CLUSTER", "MYID").value
    pid = served.worker_pid(1)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: served.worker_pid(1) != pid, GRACE_S)
    again = served.connect(1)
    assert again.do("CLUSTER", "MYID").value == node != first.do("CLUSTER", "MYID").value
    assert again.do("GET", key).value is None
    again.do("SUBSCRIBE", "news")
    first.do("PUBLISH", "news", "heard")
    assert again.receive().value[2].value == b"heard"
    for client in (first, second, again):
        client.close()


def test_clients_wait_for_a_worker(served: Served) -> None:
    """Whoever connects while a worker is being started again is not refused."""
    address = served.client.socket.getpeername()
    os.kill(served.worker_pid(0), signal.SIGKILL)
    for _ in range(3):
        client = Client(address, 2)
        assert client.do("PING").value == b"PONG"
        client.close()


def test_killed_master(served: Served) -> None:
    """Workers whose master was killed stop too: their clients are answered, ports are free, no file is left."""
    address = served.client.socket.getpeername()
    pids = [served.worker_pid(worker) for worker in (0, 1)]
    served.popen.kill()
    assert eventually(lambda: not any(is_running(pid) for pid in pids), GRACE_S)
    with socket.socket() as sock:
        assert sock.connect_ex(address) != 0
    assert os.listdir(served.folder / "tmp") == []
    assert {line["worker"] for line in served.told("master_has_gone")} == {0, 1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_end(served: Served, number: int) -> None:
    """A signal ends all processes with status 0, and nothing is left."""
    pids = [served.worker_pid(worker) for worker in (0, 1)]
    assert served.end(number) == 0
    assert not any(is_running(pid) for pid in pids)
    assert os.listdir(served.folder / "tmp") == []
    assert not served.told("worker_ended")


def test_shutdown(served: Served) -> None:
    """SHUTDOWN, at any worker, ends all of them."""
    client = served.connect(1)
    client.socket.sendall(b"SHUTDOWN\r\n")
    assert served.popen.wait(GRACE_S) == 0
    client.close()


def test_worker_that_does_not_end(served: Served) -> None:
    """A worker that does not do as it is told is killed."""
    os.kill(served.worker_pid(0), signal.SIGSTOP)
    assert served.end(signal.SIGQUIT) == 0


def test_hooks(served: Served) -> None:
    """Hooks are called in their order, those of workers in the workers."""
    assert served.end(signal.SIGINT) == 0
    events = [(line["event"], line.get("worker")) for line in served.lines()]
    called = [(name.removeprefix("hook_"), worker) for name, worker in events if name.startswith("hook_")]
    assert [name for name, worker in called if worker is None] == ["on_starting", "when_ready", "on_exit"]
    for i in (0, 1):
        assert [name for name, worker in called if worker == i] == ["post_fork", "worker_int", "worker_exit"]


def test_reload(served: Served) -> None:
    """HUP reaches all workers, which keep their data; one that is started later has the new settings too."""
    served.file.write_text(WORKERS.replace("maxclients = 100", "maxclients = 200"))
    served.popen.send_signal(signal.SIGHUP)
    assert eventually(lambda: {line.get("worker") for line in served.told("settings_reloaded")} == {None, 0, 1})
    assert {setting(served.connect(worker), "maxclients") for worker in (0, 1)} == {b"200"}
    pid = served.worker_pid(0)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: served.worker_pid(0) != pid, GRACE_S)
    assert setting(served.connect(0), "maxclients") == b"200"


def test_reload_refused(served: Served) -> None:
    """HUP with a wrong file changes nothing; the workers are not even told."""
    served.file.write_text("maxclients = 'x'")
    served.popen.send_signal(signal.SIGHUP)
    assert eventually(lambda: served.told("settings_not_reloaded") != [])
    assert setting(served.client, "maxclients") == b"100"
    assert served.end() == 0
    assert [line.get("worker") for line in served.told("settings_not_reloaded")] == [None]


def test_reopened_log(served: Served) -> None:
    """USR1 begins a new log file in all processes."""
    (served.folder / "log").rename(served.folder / "old")
    served.popen.send_signal(signal.SIGUSR1)
    assert eventually((served.folder / "log").exists)
    assert served.end() == 0
    assert {line.get("worker") for line in served.told("stopped")} == {None, 0, 1}
    assert not served.told("stopped", "old")


def test_signals_in_a_loop(served: Served) -> None:
    """Hundreds of signals in a row leave all running."""
    pids = [served.worker_pid(worker) for worker in (0, 1)]
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD) * 60:
        served.popen.send_signal(number)
        assert served.client.do("PING").value == b"PONG"
    assert served.end() == 0
    assert [served.worker_pid(worker) for worker in (0, 1)] == pids


def test_taken_port(tmp_path: Path) -> None:
    """A port that is taken ends the start, in one line; the ports before it are free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--bind", "127.0.0.1:0", f"127.0.0.1:{port}", "--unixsocket", "socket", "--workers", "2")
        status, said = _refused(tmp_path, *options, "--logfile", os.devnull)
    assert (status, said) == (1, f"geventcache: error: cannot listen on 127.0.0.1:{port}: Address already in use\n")
    assert os.listdir(tmp_path) == []


def test_worker_that_cannot_start(tmp_path: Path) -> None:
    """What a worker cannot do at the first start ends all, in one line."""
    (tmp_path / "users").write_text("nonsense\n")
    options = ("--port", "0", "--workers", "2", "--aclfile", "users", "--logfile", "log")
    status, said = _refused(tmp_path, *options)
    assert status == 1
    assert re.fullmatch(r"geventcache: error: worker [01]: users:1: .*\n", said)


def test_background(tmp_path: Path) -> None:
    """--daemon comes back when all workers serve; the pid file names the master."""
    options = ("-D", "-p", "pid", "--logfile", "log", "-w", "2", "--port", "0")
    subprocess.run(command(*options), cwd=tmp_path, env=environment(), check=True, timeout=GRACE_S)
    number = int((tmp_path / "pid").read_text())
    try:
        assert (tmp_path / "log").read_text().count('"ready"') == 3
    finally:
        os.kill(number, signal.SIGTERM)
    assert eventually(lambda: not (tmp_path / "pid").exists())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_user(tmp_path: Path) -> None:
    """Master and workers are the user that was asked for, and a worker that is started again is, too."""
    tmp_path.chmod(0o777)
    server = Served(tmp_path, WORKERS + "user = 65534\n", 2)
    pid = server.worker_pid(0)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: server.worker_pid(0) != pid, GRACE_S)
    pids = [server.popen.pid, *(server.worker_pid(worker) for worker in (0, 1))]
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {65534}
    server.close()


def test_systemd(tmp_path: Path) -> None:
    """Each worker serves one of the sockets that systemd has bound; the master alone speaks to systemd."""
    with under_systemd(tmp_path, 2, "-w", "2") as (popen, supervisor, addresses):
        assert supervisor.recv(1000) == f"READY=1\nMAINPID={popen.pid}".encode()
        for bound in addresses:
            client = Client(bound, 2)
            assert client.do("ECHO", "x").value == b"x"
            client.close()
        popen.send_signal(signal.SIGTERM)
        assert supervisor.recv(1000) == b"STOPPING=1"
        assert popen.wait(GRACE_S) == 0
        supervisor.setblocking(False)
        with pytest.raises(BlockingIOError):
            supervisor.recv(1000)


def test_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that keeps ending is started again later each time; at once when it has lasted."""
    now_s = 0.0
    monkeypatch.setattr(arbiter.time, "monotonic", lambda: now_s)
    child = Child(0)

    def live(for_s: float) -> float:
        nonlocal now_s
        child.start(1, 0)
        child.pipe = None
        now_s += for_s
        return child.end()

    assert [live(1.0) for _ in range(6)] == [*DELAYS_S, DELAYS_S[-1], DELAYS_S[-1]]
    assert live(LASTING_S + 1) == 0.0
    assert live(1.0) == DELAYS_S[1]


@pytest.mark.parametrize(
    ("status", "words"), [(0, "status 0"), (3 << 8, "status 3"), (9, "SIGKILL"), (40, "signal 40")]
)
def test_words_of_an_end(status: int, words: str) -> None:
    """The log tells how a worker ended, also by a signal without a name."""
    assert how_it_ended(status) == words


def test_hooks_that_meddle(tmp_path: Path) -> None:
    """A hook that reaps the master's children, or handles signals of its own, does not take the master down."""
    hooks = """
import os, signal
def when_ready(master):
    signal.signal(signal.SIGUSR2, lambda number, frame: None)
    master.log.info("hook_when_ready")
    pid = master.children[1].pid
    os.kill(os.getpid(), signal.SIGUSR2)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
"""
    server = Served(tmp_path, WORKERS + hooks, 2)
    assert eventually(lambda: len(server.told("worker_ended")) == 1, GRACE_S)
    client = server.connect(1)
    assert client.do("PING").value == b"PONG"
    client.close()
    assert server.end() == 0
    server.close()
