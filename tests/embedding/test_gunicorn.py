"""Beside a real gunicorn: its workers share one server, which lives and dies with it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import geventcache

pytest.importorskip("gunicorn")
pytest.importorskip("redis")

DEADLINE_S = 30.0

APPLICATION = """
import email.parser  # which redis imports late, when the user may not be able to read it any more
import os
import redis

client = redis.Redis.from_url(os.environ["GEVENTCACHE_URL"])

def application(environ, start_response):
    answers = {
        "/incr": lambda: client.incr("n"),
        "/server": lambda: client.info("server")["process_id"],
        "/maxclients": lambda: client.config_get("maxclients")["maxclients"],
        "/worker": os.getpid,
        "/url": lambda: os.environ["GEVENTCACHE_URL"],
    }
    try:
        body, status = str(answers[environ["PATH_INFO"]]()), "200 OK"
    except redis.RedisError as error:
        body, status = repr(error), "503 Service Unavailable"
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]
"""
LINE = "from geventcache.gunicorn import on_exit, on_starting\n"


def wait_until(claim: Callable[[], object]) -> None:
    """Ask until the claim holds."""
    until = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Does a process run, not counting one that only waits to be reaped?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Gunicorn:
    """A gunicorn with the application above."""

    def __init__(self, folder: Path, config: str, worker_class: str, timeout_s: int, *more: str) -> None:
        (folder / "application.py").write_text(APPLICATION)
        (folder / "gunicorn.conf.py").write_text(config)
        self.socket = folder / "http"
        root = str(Path(geventcache.__file__).parents[1])
        options = ["-w", "2", "-k", worker_class, "-b", f"unix:{self.socket}", "-t", str(timeout_s), *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "application"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": root},
        )

    def get(self, path: str) -> str:
        """What the application says; empty if it cannot."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(DEADLINE_S)
        try:
            connection.sock.connect(str(self.socket))
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.read().decode() if response.status == 200 else ""
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def wait_get(self, path: str) -> str:
        """What the application says, as soon as it can."""
        answers: list[str] = []
        wait_until(lambda: answers.append(self.get(path)) or answers[-1])
        return answers[-1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Start gunicorn, and end it."""
    started: list[Gunicorn] = []

    def start_one(config: str = LINE, worker_class: str = "sync", timeout_s: int = 30, *more: str) -> Gunicorn:
        started.append(Gunicorn(tmp_path, config, worker_class, timeout_s, *more))
        return started[-1]

    yield start_one
    for gunicorn in started:
        with contextlib.suppress(ProcessLookupError):
            gunicorn.process.terminate()
        gunicorn.process.wait(DEADLINE_S)


@pytest.mark.parametrize("worker_class", ["sync", "gevent"])
def test_workers_share_one_server_that_ends_with_gunicorn(start, worker_class: str) -> None:
    """All workers count in one place; after gunicorn's end neither server nor socket nor folder is left."""
    gunicorn = start(worker_class=worker_class)
    gunicorn.wait_get("/worker")
    workers = set()
    wait_until(lambda: workers.add(gunicorn.get("/worker")) or len(workers) == 2)
    assert [gunicorn.get("/incr") for _ in range(20)] == [str(number) for number in range(1, 21)]
    server = int(gunicorn.get("/server"))
    path = Path(urlsplit(gunicorn.get("/url")).path)
    assert path.exists()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    gunicorn.process.terminate()
    assert gunicorn.process.wait(DEADLINE_S) == 0
    wait_until(lambda: not is_alive(server) and not path.parent.exists())


def test_a_server_that_dies_comes_back(start) -> None:
    """Workers find another server at the same place."""
    gunicorn = start()
    server = gunicorn.wait_get("/server")
    os.kill(int(server), signal.SIGKILL)
    wait_until(lambda: gunicorn.get("/server") not in ("", server))


def test_a_reload_keeps_the_server(start) -> None:
    """HUP brings new workers to the data of the old ones."""
    gunicorn = start()
    worker, server = gunicorn.wait_get("/worker"), gunicorn.wait_get("/server")
    assert gunicorn.get("/incr") == "1"
    gunicorn.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not is_alive(int(worker)))
    assert gunicorn.wait_get("/incr") == "2"
    assert gunicorn.get("/server") == server


def test_the_server_ends_with_a_gunicorn_that_is_killed(start) -> None:
    """Nothing is left when the master is killed and its workers have noticed, in half of their time-out."""
    gunicorn = start(timeout_s=4)
    server, path = int(gunicorn.wait_get("/server")), Path(urlsplit(gunicorn.wait_get("/url")).path)
    gunicorn.process.kill()
    wait_until(lambda: not is_alive(server) and not path.parent.exists())


def test_settings_and_place_of_its_own(start, tmp_path: Path) -> None:
    """`hooks` takes settings, and a path."""
    path = tmp_path / "cache"
    gunicorn = start(
        "import geventcache.gunicorn\n"
        f"on_starting, on_exit = geventcache.gunicorn.hooks({str(path)!r}, maxclients=77)\n"
    )
    assert gunicorn.wait_get("/maxclients") == "77"
    assert gunicorn.get("/url") == f"unix://{path}"


def test_wrong_settings_stop_gunicorn(start) -> None:
    """A gunicorn whose cache cannot start does not start."""
    gunicorn = start(
        "import geventcache.gunicorn\non_starting, on_exit = geventcache.gunicorn.hooks(no_such_setting=1)\n"
    )
    assert gunicorn.process.wait(DEADLINE_S) != 0


@pytest.mark.parametrize("worker_class", ["sync", "gevent"])
def test_an_application_that_is_loaded_first(start, worker_class: str) -> None:
    """With preload_app the variable is there when the application is imported, and workers share the server."""
    gunicorn = start(LINE, worker_class, 30, "--preload", "--graceful-timeout", "2")
    gunicorn.wait_get("/worker")
    assert [gunicorn.get("/incr") for _ in range(10)] == [str(number) for number in range(1, 11)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_workers_of_another_user(start, tmp_path: Path) -> None:
    """Under root, workers that become a user reach the server, which runs as that user.

    The application is loaded first, because that user may not be able to read the packages of this Python.
    """
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    gunicorn = start(LINE, "sync", 30, "--preload", "--user", "nobody", "--group", "nogroup")
    gunicorn.wait_get("/worker")
    assert gunicorn.get("/incr") == "1"
    server = int(gunicorn.get("/server"))
    assert Path(f"/proc/{server}").stat().st_uid == Path(f"/proc/{gunicorn.get('/worker')}").stat().st_uid != 0
    path = Path(urlsplit(gunicorn.get("/url")).path)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    gunicorn.process.terminate()
    assert gunicorn.process.wait(DEADLINE_S) == 0
    wait_until(lambda: not is_alive(server) and not path.parent.exists())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_place_that_workers_cannot_reach(start, tmp_path: Path) -> None:
    """A path of one's own in a folder that the workers' user may not enter is refused at the start."""
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    gunicorn = start(
        f"import geventcache.gunicorn\non_starting, on_exit = geventcache.gunicorn.hooks({str(closed / 'cache')!r})\n",
        *("sync", 30, "--preload", "--user", "nobody", "--group", "nogroup"),
    )
    assert gunicorn.process.wait(DEADLINE_S) != 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        wait_until(lambda: probe.connect_ex(str(closed / "cache")) != 0)
