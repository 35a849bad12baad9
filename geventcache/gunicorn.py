"""A cache beside gunicorn: one line in its configuration file starts a server that all its workers share.

    from geventcache.gunicorn import on_exit, on_starting

The rules:

- gunicorn's master starts a guard, the guard starts the server and starts it again when it ends. The server listens on
  a unix socket, whose URL the workers find in the variable ``GEVENTCACHE_URL`` of the environment. The variable is
  set when the configuration file is read: an application that is loaded before there are workers finds it, too.
- The server becomes the user that gunicorn's workers become, to whom socket and folder belong.
- Guard and server hold the reading end of a pipe that the master, and with it its workers, hold the other end of. The
  pipe ends with the last of them, however they ended, and guard and server end with it.
- The master reaps children that it does not know without a word, so nobody there minds the guard; and the guard is not
  in the terminal's group, so that Ctrl-C reaches it through gunicorn, when the workers are done.

Nothing is imported here but the standard library: a configuration file is read by processes that need no more.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, NoReturn

VARIABLE = "GEVENTCACHE_URL"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
# Before a server that ended is started again: longer each time, short again when one has lasted.
DELAYS_S = (0.1, 0.5, 2.0, 5.0)
LASTING_S = 60.0
GUARD, SERVER = "guard", "server"
_USAGE = 2  # the exit status by which a server says that its settings are wrong, and another try useless

Hook = Callable[[Any], None]


class _Beside:
    """What runs beside this gunicorn; a process has one at most.

    Attributes:
        path: the socket's.
        user: who server and workers become, and its group; None if they stay who they are.
        process: whose it is, gunicorn's master.
        pipe: the end that says, by being open, that gunicorn lives.
        guard: the process.
    """

    running: _Beside | None = None

    def __init__(self, folder: str, path: str, arguments: Sequence[str], user: tuple[int, int] | None) -> None:
        """`folder` is to be made for the socket, unless it is empty; `user` and group are who the workers become."""
        self.path = path
        self.user = user
        self.process = os.getpid()
        words = [folder, "--bind", f"unix:{path}", *arguments]
        if user is not None:
            words += ["--user", str(user[0]), "--group", str(user[1])]
        if folder:
            os.mkdir(folder, 0o700)
            if user is not None:
                os.chown(folder, *user)
        reading, self.pipe = os.pipe()
        self.guard = _spawn(GUARD, reading, words, start_new_session=True)
        os.close(reading)

    def wait_ready(self) -> None:
        """Wait until the server accepts connections.

        Raises:
            RuntimeError: it does not start.
        """
        until = time.monotonic() + START_SECONDS
        while not (_accepts(self.path) and self.is_settled()):
            if self.guard.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError("geventcache does not start; see what it said above")
            time.sleep(POLL_SECONDS)

    def is_settled(self) -> bool:
        """Has the server given its socket to the user that it becomes?"""
        try:
            return self.user is None or os.stat(self.path).st_uid == self.user[0]
        except OSError:
            return False

    def check_user(self, arbiter: Any) -> None:
        """Does a worker reach the server, as the user that it becomes?

        Raises:
            RuntimeError: it does not.
        """
        if self.user is None:
            return
        with _being(self.user, arbiter.cfg.initgroups):
            is_reached = _accepts(self.path)
        if not is_reached:
            self.stop()
            raise RuntimeError(
                f"geventcache: gunicorn's workers, of user {self.user[0]} and group {self.user[1]}, cannot connect to "
                f"{self.path}; choose a path whose folders they may enter, or leave it out"
            )

    def stop(self) -> None:
        """End server and guard, and wait for that."""
        os.close(self.pipe)
        self.guard.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.guard.wait(STOP_SECONDS)


def hooks(path: str | None = None, **settings: Any) -> tuple[Hook, Hook]:
    """The hooks ``on_starting`` and ``on_exit`` for a server with settings of its own.

    In gunicorn's configuration file::

        on_starting, on_exit = geventcache.gunicorn.hooks(maxclients=500, loglevel="warning")

    Args:
        path: of the unix socket; by default one in a folder that only this user may enter.
        settings: those of the command line, with ``_`` for ``-``.
    """
    folder = "" if path else os.path.join(tempfile.gettempdir(), f"geventcache-{secrets.token_hex(8)}")
    place = path or os.path.join(folder, "socket")
    arguments = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", _text(value))]

    if _Beside.running is None:  # else the file is read again, and the server stays where it is
        os.environ[VARIABLE] = f"unix://{place}"

    def on_starting(arbiter: Any) -> None:
        if _Beside.running is None:
            _Beside.running = _Beside(folder, place, arguments, _user_of_workers(arbiter))
            _Beside.running.wait_ready()
            _Beside.running.check_user(arbiter)
            os.environ[VARIABLE] = f"unix://{place}"

    def on_exit(_arbiter: Any) -> None:
        beside, _Beside.running = _Beside.running, None
        if beside is not None and beside.process == os.getpid():
            beside.stop()

    return on_starting, on_exit


def _user_of_workers(arbiter: Any) -> tuple[int, int] | None:
    """The user and the group that the workers become, None if they stay who they are."""
    config = getattr(arbiter, "cfg", None)
    if config is None or os.geteuid() != 0 or (config.uid, config.gid) == (os.geteuid(), os.getegid()):
        return None
    return config.uid, config.gid


@contextlib.contextmanager
def _being(user: tuple[int, int], with_groups: bool) -> Iterator[None]:
    """Have the rights of another user and group for a moment."""
    group, groups = os.getegid(), os.getgroups()
    try:
        if with_groups:
            os.initgroups(pwd.getpwuid(user[0]).pw_name, user[1])
        os.setegid(user[1])
        os.seteuid(user[0])
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _text(value: Any) -> str:
    """A value as the command line takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return os.fsdecode(value) if isinstance(value, (str, bytes, os.PathLike)) else str(value)


on_starting, on_exit = hooks()


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _spawn(role: str, pipe: int, arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Run this module in a new process."""
    command = [sys.executable, "-m", "geventcache.gunicorn", role, str(pipe), *arguments]
    return subprocess.Popen(command, pass_fds=[pipe], stdin=subprocess.DEVNULL, **options)


# ---------------------------------------------------------------------- in the guard and in the server


def end_with(pipe: int) -> None:
    """Terminate this process, as SIGTERM does, when the pipe ends."""

    def watch() -> None:
        os.read(pipe, 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    threading.Thread(target=watch, name="geventcache-gunicorn", daemon=True).start()


def guard(pipe: int, folder: str, *arguments: str) -> int:
    """Run a server, and another one when it ends, until this process is terminated; return the exit status.

    Args:
        folder: to be removed in the end, empty for none.
    """
    signal.signal(signal.SIGTERM, _exit)
    server: subprocess.Popen[bytes] | None = None
    failures = 0
    end_with(pipe)
    try:
        while True:
            started = time.monotonic()
            server = _spawn(SERVER, pipe, arguments)
            status = server.wait()
            if status == _USAGE:
                return status
            failures = 0 if time.monotonic() - started > LASTING_S else failures + 1
            print(f"geventcache: the server beside gunicorn ended ({status}); starting it again", file=sys.stderr)
            time.sleep(DELAYS_S[min(failures, len(DELAYS_S) - 1)])
    finally:
        if server is not None:
            server.terminate()
            server.wait()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    """The first SIGTERM ends the guard, which takes care of the rest; a second one must not disturb that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def serve(pipe: int, *arguments: str) -> int:
    """Be the server until gunicorn ends; return the exit status."""
    from geventcache.launcher.cli import main

    end_with(pipe)
    return main(arguments)


if __name__ == "__main__":
    _roles: dict[str, Callable[..., int]] = {GUARD: guard, SERVER: serve}
    sys.exit(_roles[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:]))
